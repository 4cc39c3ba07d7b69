/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The `frcnn` tool: Faster R-CNN models and stills from the command line. This file only picks the
 * call; each call lives in a file of its own (cmd-*.c).
 */
#include "tool.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name;
  int (*run) (int argc, char **argv);
  const char *usage, *summary;
} Call;

static const Call calls[] = {
  { "info", tool_info, "MODEL", "what a model file is, and how it runs" },
  { "convert", tool_convert, "IN OUT.safetensors", "any readable model into one own file" },
  { "detect", tool_detect, "MODEL IMAGE...", "find objects in stills" },
  { "eval", tool_eval, "MODEL DATASET --split NAME", "mean average precision on a dataset" },
  { "calibrate", tool_calibrate, "MODEL IMAGE... -o OUT", "measure a model for int8 and bf16" },
  { "bench", tool_bench, "MODEL", "how fast a model runs on this machine" },
};

static void
print_usage (FILE *out)
{
  fputs ("Usage: frcnn CALL ARGUMENTS...\n\nCalls:\n", out);
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    fprintf (out, "  %-9s %-28s %s\n", calls[i].name, calls[i].usage, calls[i].summary);
  fputs ("\nMODEL is a model file, or `default`: the model that comes with this program.\n"
         "`frcnn CALL --help` lists the options of a call.\n"
         "Exit status: 0 done; 1 a bad file or argument, with one line on stderr.\n", out);
}

static const Call *
find_call (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    if (strcmp (calls[i].name, name) == 0)
      return &calls[i];
  return NULL;
}

static int
explain (const char *name)
{
  char *arguments[] = { (char *) name, (char *) "--help", NULL };
  const Call *call = find_call (name);
  if (call)
    return call->run (2, arguments);
  tool_complain ("unknown call '%s' (frcnn --help lists them)", name);
  return TOOL_EXIT_BAD;
}

int
main (int argc, char **argv)
{
  setlocale (LC_CTYPE, ""); /* file names only: numbers keep their point in every locale */
  if (argc < 2) {
    tool_complain ("no call given (frcnn --help lists them)");
    return TOOL_EXIT_BAD;
  }
  const char *name = argv[1];
  if (strcmp (name, "--help") == 0 || strcmp (name, "-h") == 0
      || (strcmp (name, "help") == 0 && argc == 2)) {
    print_usage (stdout);
    return tool_finish_stdout () ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
  }
  if (strcmp (name, "help") == 0)
    return explain (argv[2]);
  if (strcmp (name, "--version") == 0) {
    printf ("frcnn %s\n", FRC_VERSION);
    return tool_finish_stdout () ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
  }
  const Call *call = find_call (name);
  if (!call) {
    tool_complain ("unknown %s '%s' (frcnn --help lists what there is)",
        name[0] == '-' ? "option" : "call", name);
    return TOOL_EXIT_BAD;
  }
  return call->run (argc - 1, argv + 1);
}
