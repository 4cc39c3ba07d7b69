/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the calls of the `frcnn` tool share: opening a model, stills, errors in one line, progress.
 *
 * Functions that can fail return FALSE and set a GError whose message names the file. Only
 * tool_complain () prints errors; the calls decide the exit status.
 */
#ifndef FRCNN_TOOL_H
#define FRCNN_TOOL_H

#include <gdk-pixbuf/gdk-pixbuf.h>
#include "core/frcnn.h"

G_BEGIN_DECLS

#define TOOL_EXIT_OK 0
#define TOOL_EXIT_BAD 1

/* ---- the calls: argv[0] is the call's own name; each returns the exit status ---------------- */

int tool_info (int argc, char **argv);
int tool_convert (int argc, char **argv);
int tool_detect (int argc, char **argv);
int tool_eval (int argc, char **argv);
int tool_bench (int argc, char **argv);
int tool_calibrate (int argc, char **argv);

/* ---- arguments and errors (tool.c) ----------------------------------------------------------- */

void tool_complain (const char *format, ...) G_GNUC_PRINTF (1, 2);
gboolean tool_fail (const char *call, GError *error);
gboolean tool_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
    const char *summary, const char *description);
gboolean tool_parse_size (const char *text, guint *width, guint *height, GError **error);
gboolean tool_make_directory (const char *path, GError **error);
gboolean tool_finish_stdout (void);

/* ---- a model and its detector (tool.c) ------------------------------------------------------- */

/* What several calls take; the numbers are checked by tool_settings_check (). */
typedef struct {
  char *family;      /* (nullable) */
  char *precision;   /* (nullable): auto */
  gint threads;      /* 0 = one a core */
  gint input_size;   /* 0 = the model's */
  gint max_proposals; /* 0 = the model's */
  gdouble threshold; /* keeps score > this */
} ToolSettings;

typedef struct {
  FrcModel *model;
  FrcDetector *detector;
  FrcQuery query;
  FrcDetection *found; /* n_found of capacity; of the last tool_session_detect () */
  guint capacity, n_found;
} ToolSession;

gboolean tool_settings_check (const ToolSettings *settings, GError **error);
void tool_settings_clear (ToolSettings *settings);
FrcModel *tool_model_open (const char *name, const char *family, GError **error);
gboolean tool_session_open (ToolSession *session, const char *model,
    const ToolSettings *settings, GError **error);
gboolean tool_session_detect (ToolSession *session, const char *path, const FrcImage *image,
    GError **error);
const char *tool_session_label (const ToolSession *session, gint label_id);
void tool_session_close (ToolSession *session);

/* ---- evaluation (cmd-eval.c) ----------------------------------------------------------------- */

gboolean tool_evaluate (const char *model, const ToolSettings *settings, const char *dataset,
    const char *split, gboolean quiet, gdouble *precision, char **metric, GError **error);

/* ---- stills (still.c, draw.c) ---------------------------------------------------------------- */

typedef struct {
  GdkPixbuf *pixbuf;
  FrcImage image; /* borrows the pixbuf's pixels; RGB or RGBA */
} ToolStill;

gboolean tool_still_open (ToolStill *still, const char *path, GError **error);
void tool_still_set_pixbuf (ToolStill *still, GdkPixbuf *pixbuf);
void tool_still_clear (ToolStill *still);
gboolean tool_still_draw (const ToolStill *still, const ToolSession *session, const char *path,
    GError **error);

/* ---- output (json.c, npy.c, progress.c) ------------------------------------------------------ */

void tool_json_string (GString *out, const char *text);
void tool_json_number (GString *out, gdouble value);
void tool_json_key (GString *out, const char *key);
void tool_json_add_text (GString *out, const char *key, const char *text);
void tool_json_add_number (GString *out, const char *key, gdouble value);
void tool_json_add_count (GString *out, const char *key, guint64 value);
void tool_json_detections (GString *out, const char *image, guint width, guint height,
    const ToolSession *session);

gboolean tool_npy_write (const char *path, const gfloat *data, guint n, guint h, guint w, guint c,
    gsize ld, GError **error);

typedef struct {
  const char *what; /* "images", … */
  guint total, done;
  gint64 start_us, shown_us;
  gboolean terminal, quiet;
} ToolProgress;

void tool_progress_start (ToolProgress *progress, const char *what, guint total, gboolean quiet);
void tool_progress_step (ToolProgress *progress);
void tool_progress_hide (ToolProgress *progress);
void tool_progress_finish (ToolProgress *progress);
char *tool_progress_time (gdouble seconds);

G_END_DECLS

#endif
