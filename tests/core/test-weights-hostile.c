/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weight readers on files that are damaged or mean harm: each gives the right error, names the file
 * and what is wrong with it, and nothing else happens.
 */
#include "core/model/weights-private.h"
#include "support/archive.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "hostile.file"

static void
assert_refused (const void *data, gsize n, FrcError code, const char *says)
{
  g_autoptr (GError) error = NULL;
  FrcWeights *weights = frc_weights_open_memory (data, n, FILE_NAME, NULL, &error);

  g_assert_null (weights);
  g_assert_error (error, FRC_ERROR, (gint) code);
  if (!strstr (error->message, says) || !strstr (error->message, "'" FILE_NAME "'"))
    g_error ("expected \"%s\" in: %s", says, error->message);
}

static FrcWeights *
assert_read (const void *data, gsize n)
{
  g_autoptr (GError) error = NULL;
  FrcWeights *weights = frc_weights_open_memory (data, n, FILE_NAME, NULL, &error);

  g_assert_no_error (error);
  return weights;
}

/* ---- files -------------------------------------------------------------------------------- */

static void
assert_file_refused (const char *path, FrcError code, const char *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (frc_weights_open (path, &error));
  g_assert_error (error, FRC_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, says));
}

static void
test_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("frc-hostile-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "file", NULL);

  assert_file_refused (path, FRC_ERROR_OPEN, "No such file");
  assert_file_refused (folder, FRC_ERROR_OPEN, "directory");
  assert_file_refused ("/dev/zero", FRC_ERROR_OPEN, "not a regular file");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_file_refused (path, FRC_ERROR_OPEN, "not a regular file"); /* and does not wait */
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  assert_file_refused (path, FRC_ERROR_FORMAT, "empty");
  g_assert_true (g_file_set_contents (path, "GIF89a, or so", -1, NULL));
  assert_file_refused (path, FRC_ERROR_FORMAT, "expected safetensors");
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_truncated (void)
{
  static const char *const names[] = {
    "mixed-zip.pth", "mixed-legacy.pth", "nested-legacy.pth", "mixed.safetensors"
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (FIXTURES, names[i], NULL);
    g_autofree char *data = NULL;
    gsize size;
    g_assert_true (g_file_get_contents (path, &data, &size, NULL));
    for (gsize n = 0; n < size; n++) {
      g_autoptr (GError) error = NULL;
      g_assert_null (frc_weights_open_memory ((guint8 *) data, n, FILE_NAME, NULL, &error));
      g_assert_true (error->domain == FRC_ERROR);
      g_assert_true (error->code == FRC_ERROR_FORMAT || error->code == FRC_ERROR_UNSUPPORTED);
    }
  }
}

/* ---- safetensors -------------------------------------------------------------------------- */

static GByteArray *
safetensors (const char *header, gsize data_bytes)
{
  GByteArray *file = g_byte_array_new ();
  guint64 n = GUINT64_TO_LE ((guint64) strlen (header));
  g_autofree guint8 *zeros = g_malloc0 (data_bytes + 1);

  g_byte_array_append (file, (guint8 *) &n, 8);
  g_byte_array_append (file, (const guint8 *) header, strlen (header));
  return g_byte_array_append (file, zeros, data_bytes);
}

static void
assert_header_refused (const char *header, gsize data_bytes, FrcError code, const char *says)
{
  g_autoptr (GByteArray) file = safetensors (header, data_bytes);
  assert_refused (file->data, file->len, code, says);
}

#define ENTRY(name, dtype, shape, offsets)                                                         \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void
test_safetensors (void)
{
  static const struct { const char *header; gsize data_bytes; FrcError code; const char *says; }
  cases[] = {
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "}", 7, FRC_ERROR_FORMAT, "truncated" },
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "}", 9, FRC_ERROR_FORMAT, "behind the last tensor" },
    { "{" ENTRY ("a", "F32", "[2]", "[8,0]") "}", 8, FRC_ERROR_FORMAT, "data_offsets" },
    { "{" ENTRY ("a", "F32", "[3]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "tensor 'a'" },
    { "{" ENTRY ("a", "F32", "[1]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "what its shape needs" },
    { "{" ENTRY ("a", "F32", "[-2]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "dimension" },
    { "{" ENTRY ("a", "F32", "[2.0]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "whole number" },
    { "{" ENTRY ("a", "F32", "[2e0]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "whole number" },
    { "{" ENTRY ("a", "F32", "[4294967296,4294967296,4294967296,4294967296]", "[0,0]") "}", 0,
      FRC_ERROR_FORMAT, "what its shape needs" },
    { "{" ENTRY ("a", "F32", "[9999999999999999999]", "[0,8]") "}", 8, FRC_ERROR_FORMAT, "digits" },
    { "{" ENTRY ("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, FRC_ERROR_UNSUPPORTED,
      "8 dimensions" },
    { "{" ENTRY ("w", "F8_E4M3", "[8]", "[0,8]") "}", 8, FRC_ERROR_UNSUPPORTED,
      "tensor 'w': dtype 'F8_E4M3'" },
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "," ENTRY ("b", "F32", "[2]", "[4,12]") "}", 12,
      FRC_ERROR_FORMAT, "tensor 'b': its data overlaps" },
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "," ENTRY ("b", "F32", "[2]", "[0,8]") "}", 8,
      FRC_ERROR_FORMAT, "overlaps" },
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "," ENTRY ("b", "F32", "[1]", "[12,16]") "}", 16,
      FRC_ERROR_FORMAT, "hole" },
    { "{" ENTRY ("a", "F32", "[2]", "[0,8]") "," ENTRY ("a", "F32", "[2]", "[8,16]") "}", 16,
      FRC_ERROR_FORMAT, "twice" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
      FRC_ERROR_FORMAT, "twice" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":{},\"data_offsets\":[0,4]}}", 4,
      FRC_ERROR_FORMAT, "twice" },
    { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, FRC_ERROR_FORMAT, "no dtype" },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, FRC_ERROR_FORMAT, "no shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, FRC_ERROR_FORMAT, "data_offsets" },
    { "{\"a\":[]}", 0, FRC_ERROR_FORMAT, "not a JSON object" },
    { "{\"a\":null}", 0, FRC_ERROR_FORMAT, "not a JSON object" },
    { "{\"__metadata__\":[]}", 0, FRC_ERROR_FORMAT, "__metadata__" },
    { "{\"__metadata__\":{\"a\":1}}", 0, FRC_ERROR_FORMAT, "__metadata__" },
    { "{\"a\":[[[[[[[[[]]]]]]]]]}", 0, FRC_ERROR_FORMAT, "nesting" },
    { "{\"\\u0000\":{}}", 0, FRC_ERROR_FORMAT, "not 0000" },
    { "{\"\\ud800\":{}}", 0, FRC_ERROR_FORMAT, "surrogate" },
    { "{\"\\udc00\\ud800\":{}}", 0, FRC_ERROR_FORMAT, "surrogate" },
    { "{\"\\x\":{}}", 0, FRC_ERROR_FORMAT, "escape" },
    { "{\"\xff\":{}}", 0, FRC_ERROR_FORMAT, "UTF-8" },
    { "{\"a\n\":{}}", 0, FRC_ERROR_FORMAT, "control character" },
    { "{\"a\":{}", 0, FRC_ERROR_FORMAT, "'}'" },
    { "{\"a\":01}", 0, FRC_ERROR_FORMAT, "a value" },
    { "{\"a\":tru}", 0, FRC_ERROR_FORMAT, "a value" },
    { "{\"a\" 1}", 0, FRC_ERROR_FORMAT, "':'" },
    { "{\"a\":1,}", 0, FRC_ERROR_FORMAT, "a string" },
    { "{} {}", 0, FRC_ERROR_FORMAT, "nothing behind" },
    { "{/* */}", 0, FRC_ERROR_FORMAT, "a string" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_header_refused (cases[i].header, cases[i].data_bytes, cases[i].code, cases[i].says);

  g_autoptr (GByteArray) file = safetensors ("{" ENTRY ("a", "F32", "[2]", "[0,8]") " }  ", 8);
  g_autoptr (FrcWeights) weights = assert_read (file->data, file->len);
  g_assert_cmpuint (frc_weights_count (weights), ==, 1);
  file->data[8 + 2] = 0; /* the name becomes a NUL */
  assert_refused (file->data, file->len, FRC_ERROR_FORMAT, "UTF-8");
  memset (file->data, 0xff, 8);
  assert_refused (file->data, file->len, FRC_ERROR_TOO_LARGE, "header");
  memset (file->data, 0, 8);
  file->data[2] = 1;
  assert_refused (file->data, file->len, FRC_ERROR_FORMAT, "truncated: expected a header of 65536 bytes");
}

/* Many tiny JSON objects would make a tree a hundred times their size. */
static void
test_safetensors_bomb (void)
{
  g_autoptr (GString) header = g_string_new ("{\"a\":[{}");

  for (guint i = 0; i < 100000; i++)
    g_string_append (header, ",{}");
  g_string_append (header, "]}");
  assert_header_refused (header->str, 0, FRC_ERROR_TOO_LARGE, "too many values");
}

/* ---- pickles ------------------------------------------------------------------------------ */

#define MAGIC "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\x02M\xe9\x03."
#define SYSTEM(little) "\x80\x02}X\x0d\0\0\0little_endian" little "s."
#define STORAGE(type, key, elements)                                                               \
  "(X\7\0\0\0storagectorch\n" type "\nX\1\0\0\0" key "X\3\0\0\0cpu" elements "tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
/* offset, shape and stride are opcodes. */
#define TENSOR(storage, offset, shape, stride)                                                     \
  REBUILD "(" storage offset shape stride "\x89" "ccollections\nOrderedDict\n)RtR"
#define FLOATS STORAGE ("FloatStorage", "0", "K\4")
#define PREAMBLE MAGIC VERSION SYSTEM ("\x88")
#define STATE(entries) "\x80\x02}(" entries "u."
#define NAME(letter) "X\1\0\0\0" letter
#define KEYS "\x80\x02]X\1\0\0\0" "0" "a."
#define DATA "\4\0\0\0\0\0\0\0" "\0\0\0\0" "\0\0\x80\x3f" "\0\0\0\x40" "\0\0\x40\x40" /* 0 … 3 */
#define GOOD NAME ("a") TENSOR (FLOATS, "K\0", "K\2K\2\x86", "K\1K\2\x86")
#define REST KEYS DATA
#define BYTES(literal) (literal), sizeof (literal) - 1

static void
test_pickle_works (void)
{
  gfloat values[4];
  g_autoptr (FrcWeights) weights = assert_read (BYTES (PREAMBLE STATE (GOOD) REST));
  const FrcTensor *tensor = frc_weights_find (weights, "a");

  g_assert_nonnull (tensor);
  frc_tensor_read_f32 (tensor, values);
  g_assert_cmpfloat (values[0], ==, 0);
  g_assert_cmpfloat (values[1], ==, 2); /* the strides transpose */
  g_assert_cmpfloat (values[2], ==, 1);
  g_assert_cmpfloat (values[3], ==, 3);
}

/* What Python 2 and old versions of torch wrote. */
static void
test_pickle_old (void)
{
  static const char python2[] = PREAMBLE "\x80\x02" "ccollections\nOrderedDict\n](](U\1a"
      TENSOR ("(U\7storagectorch.cuda\nFloatStorage\nU\1" "0U\6cuda:0K\4NtQ",
          "K\1", "K\3\x85", "K\1\x85") "ee\x85R." "\x80\x02]U\1" "0a." DATA;
  static const char view[] = PREAMBLE STATE (NAME ("a")
      TENSOR ("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpuK\4"
          "(X\1\0\0\0" "9K\2K\2ttQ", "K\0", "K\2\x85", "K\1\x85")) REST;
  gfloat values[3];
  g_autoptr (FrcWeights) old = assert_read (BYTES (python2));
  g_autoptr (FrcWeights) part = assert_read (BYTES (view));

  frc_tensor_read_f32 (frc_weights_find (old, "a"), values);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpfloat (values[i], ==, i + 1);
  frc_tensor_read_f32 (frc_weights_find (part, "a"), values);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat (values[i], ==, i + 2);
}

#define REFUSED(literal, code, says) assert_refused (BYTES (literal), FRC_ERROR_##code, says)
#define BAD_TENSOR(storage, offset, shape, stride)                                                 \
  PREAMBLE STATE (NAME ("a") TENSOR (storage, offset, shape, stride)) REST
#define HUGE "\x8a\x08\0\0\0\0\0\0\0\x40" /* 2⁶² */
#define NINE_ONES "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"
#define PROOF "frc-hostile-proof"

static void
test_pickle_code (void)
{
  REFUSED (PREAMBLE "\x80\x02" "cos\nsystem\n(X\x17\0\0\0touch " PROOF "tR.", UNSUPPORTED,
      "'os.system'");
  REFUSED (PREAMBLE "\x80\x04\x8c\5posix\x8c\6system\x93\x8c\x17touch " PROOF "\x85R.",
      UNSUPPORTED, "'posix.system'");
  REFUSED (PREAMBLE "\x80\x02" "c__builtin__\neval\n)R.", UNSUPPORTED, "'__builtin__.eval'");
  REFUSED (PREAMBLE "\x80\x02" "(X\1\0\0\0xios\nsystem\n.", UNSUPPORTED, "INST");
  REFUSED (PREAMBLE "\x80\x02" "ccollections\nOrderedDict\n)\x81.", UNSUPPORTED, "NEWOBJ");
  REFUSED (PREAMBLE "\x80\x02\xf7.", UNSUPPORTED, "0xf7");
  REFUSED (PREAMBLE "\x80\x06N.", UNSUPPORTED, "protocol 6");
  REFUSED (PREAMBLE "\x80\x02" "ctorch\nComplexFloatStorage\n.", UNSUPPORTED,
      "'torch.ComplexFloatStorage'");
  REFUSED (PREAMBLE "\x80\x02" "ctorch\nFloatStorage\n)R.", UNSUPPORTED, "an object");
  REFUSED ("\x80\x04}\x94.", UNSUPPORTED, "expected a dictionary of tensors, or one that holds one");
  g_assert_false (g_file_test (PROOF, G_FILE_TEST_EXISTS));
}

static void
test_pickle_damaged (void)
{
  REFUSED (PREAMBLE "\x80\x02t.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02(.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02" "0.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02h\x07.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02Nr\xff\xff\xff\x7f.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02}Na.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02}(Nu.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02(\x85.", FORMAT, "not on the stack");
  REFUSED (PREAMBLE "\x80\x02X\xff\xff\xff\xffx.", FORMAT, "truncated");
  REFUSED (PREAMBLE "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.", FORMAT, "truncated");
  REFUSED (PREAMBLE "\x80\x02\x8b\xff\xff\xff\x7fx.", FORMAT, "truncated");
  REFUSED (PREAMBLE "\x80\x02\x8b\xff\xff\xff\xff.", FORMAT, "pickle");
  REFUSED (PREAMBLE "\x80\x02" "ctorch", FORMAT, "truncated");
  REFUSED (PREAMBLE "\x80\x02].", UNSUPPORTED, "found a list");
  REFUSED (PREAMBLE "\x80\x02}.", UNSUPPORTED, "found none");
  REFUSED (MAGIC "\x80\x02M\xe8\x03." REST, FORMAT, "1001");
  REFUSED (MAGIC VERSION SYSTEM ("\x89") STATE (GOOD) REST, UNSUPPORTED, "big-endian");
  REFUSED (PREAMBLE STATE (GOOD) "\x80\x02]." DATA, FORMAT, "outside of its storage");
  REFUSED (PREAMBLE STATE (GOOD) "\x80\x02]X\1\0\0\0" "1a." DATA, FORMAT, "key of a storage");
  REFUSED (PREAMBLE STATE (GOOD) "\x80\x02]K\1a." DATA, FORMAT, "key of a storage");
  REFUSED (PREAMBLE STATE (GOOD GOOD) REST, FORMAT, "two tensors have the name 'a'");
  REFUSED (PREAMBLE STATE ("X\2\0\0\0a\0" TENSOR (FLOATS, "K\0", ")", ")")) REST, FORMAT, "UTF-8");
  REFUSED (PREAMBLE STATE ("U\2a\xff" TENSOR (FLOATS, "K\0", ")", ")")) REST, FORMAT, "UTF-8");
}

static void
test_pickle_shapes (void)
{
  g_autoptr (FrcWeights) last = assert_read (BYTES (BAD_TENSOR (FLOATS, "K\3", "K\1\x85",
      "K\1\x85")));
  g_assert_cmpuint (frc_weights_count (last), ==, 1);

  REFUSED (BAD_TENSOR (FLOATS, "K\4", "K\1\x85", "K\1\x85"), FORMAT, "outside of its storage");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "K\5\x85", "K\1\x85"), FORMAT, "outside of its storage");
  REFUSED (BAD_TENSOR (FLOATS, "K\1", "K\2K\2\x86", "K\2K\1\x86"), FORMAT,
      "tensor 'a': reaches outside");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "K\2\x85", "K\4\x85"), FORMAT, "outside of its storage");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "K\5K\1\x86", HUGE "K\1\x86"), FORMAT, "outside");
  REFUSED (BAD_TENSOR (FLOATS, HUGE, "K\1\x85", "K\1\x85"), FORMAT, "outside");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", HUGE HUGE "\x86", "K\0K\0\x86"), FORMAT, "impossible shape");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", HUGE "\x85", "K\0\x85"), TOO_LARGE, "more elements");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "J\0\0\1\0K\2\x86", "K\0K\0\x86"), TOO_LARGE, "elements");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "K\2K\2\x86", "K\1\x85"), FORMAT, "shape or strides");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "K\2\x85", "J\xff\xff\xff\xff\x85"), FORMAT, "strides");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "J\xff\xff\xff\xff\x85", "K\1\x85"), FORMAT, "shape");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "N\x85", "K\1\x85"), FORMAT, "shape");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", NINE_ONES, NINE_ONES),
      UNSUPPORTED, "8 dimensions");
  REFUSED (BAD_TENSOR (FLOATS, "J\xff\xff\xff\xff", "K\1\x85", "K\1\x85"), UNSUPPORTED, "a tensor");
  REFUSED (BAD_TENSOR (FLOATS, "K\0", "N", "K\1\x85"), UNSUPPORTED, "a tensor");
  REFUSED (BAD_TENSOR ("N", "K\0", "K\1\x85", "K\1\x85"), UNSUPPORTED, "a tensor");
  REFUSED (BAD_TENSOR (STORAGE ("FloatStorage", "0", "K\5"), "K\0", "K\1\x85", "K\1\x85"), FORMAT,
      "one description");
  REFUSED (BAD_TENSOR (STORAGE ("DoubleStorage", "0", "K\4"), "K\0", "K\1\x85", "K\1\x85"), FORMAT,
      "truncated: expected storage '0'");
  REFUSED (PREAMBLE STATE (NAME ("a") TENSOR (FLOATS, "K\0", "K\1\x85", "K\1\x85") NAME ("b")
      TENSOR (STORAGE ("IntStorage", "0", "K\4"), "K\0", "K\1\x85", "K\1\x85")) REST, FORMAT,
      "one description");
  REFUSED (PREAMBLE STATE (NAME ("a") TENSOR ("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
      "0X\3\0\0\0cpuK\4(X\1\0\0\0" "9K\2K\3ttQ", "K\0", "K\2\x85", "K\1\x85")) REST, UNSUPPORTED,
      "a part of a storage");
}

/* Bytes that each make the machine keep much more than a byte. */
static void
test_pickle_bombs (void)
{
  static const char *const units[] = { "}", "]", "(", "N2", "}\x94", "](Ne", ")\x85" };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++) {
    g_autoptr (GByteArray) file = g_byte_array_new ();
    g_autoptr (GError) error = NULL;
    g_byte_array_append (file, (const guint8 *) BYTES (PREAMBLE "\x80\x02}"));
    for (guint k = 0; k < 300000; k++)
      g_byte_array_append (file, (const guint8 *) units[i], strlen (units[i]));
    FrcWeights *weights = frc_weights_open_memory (file->data, file->len, FILE_NAME, NULL, &error);
    g_assert_null (weights);
    g_assert_error (error, FRC_ERROR, FRC_ERROR_TOO_LARGE);
    g_assert_nonnull (strstr (error->message, "more memory than"));
  }
}

/* ---- archives ----------------------------------------------------------------------------- */

static const char state_pickle[] = STATE (GOOD);
static const char state_data[] = "\0\0\0\0" "\0\0\x80\x3f" "\0\0\0\x40" "\0\0\x40\x40";

/* An archive of the good pickle; entry @name is replaced or added, or left out without @data. */
static GByteArray *
archive (gboolean deflated, const char *name, const void *data, gsize n)
{
  g_autoptr (GPtrArray) entries =
      g_ptr_array_new_with_free_func ((GDestroyNotify) archive_entry_free);
  const struct { const char *name; const void *data; gsize n; } all[] = {
    { "x/data.pkl", state_pickle, sizeof state_pickle - 1 },
    { "x/byteorder", "little", 6 },
    { "x/data/0", state_data, 16 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (!name || strcmp (name, all[i].name) != 0)
      g_ptr_array_add (entries, archive_entry_new (all[i].name, all[i].data, all[i].n));
  if (data)
    g_ptr_array_add (entries, archive_entry_new (name, data, n));
  for (guint i = 0; i < entries->len; i++)
    ((ArchiveEntry *) entries->pdata[i])->deflated = deflated;
  return archive_pack (entries);
}

static void
assert_archive_refused (gboolean deflated, const char *name, const void *data, gsize n,
    FrcError code, const char *says)
{
  g_autoptr (GByteArray) file = archive (deflated, name, data, n);
  assert_refused (file->data, file->len, code, says);
}

static void
test_archive (void)
{
  gfloat values[4];
  g_autofree char *path = g_build_filename (FIXTURES, "torchscript.pt", NULL);

  for (guint deflated = 0; deflated < 2; deflated++) {
    g_autoptr (GByteArray) file = archive (deflated, NULL, NULL, 0);
    g_autoptr (FrcWeights) weights = assert_read (file->data, file->len);
    frc_tensor_read_f32 (frc_weights_find (weights, "a"), values);
    g_assert_cmpfloat (values[1], ==, 2);
    g_assert_cmpfloat (values[3], ==, 3);
  }
  assert_archive_refused (FALSE, "x/data.pkl", NULL, 0, FRC_ERROR_FORMAT, "without data.pkl");
  assert_archive_refused (FALSE, "y/data.pkl", "N.", 2, FRC_ERROR_FORMAT, "several data.pkl");
  assert_archive_refused (FALSE, "x/data.pkl", BYTES ("\x80\x02" "cos\nsystem\n)R."),
      FRC_ERROR_UNSUPPORTED, "'os.system'");
  assert_archive_refused (FALSE, "x/byteorder", "big", 3, FRC_ERROR_UNSUPPORTED, "little-endian");
  assert_archive_refused (FALSE, "x/byteorder", "middle", 6, FRC_ERROR_UNSUPPORTED, "little");
  assert_archive_refused (FALSE, "x/constants.pkl", "N.", 2, FRC_ERROR_UNSUPPORTED, "TorchScript");
  assert_archive_refused (FALSE, "x/data/0", NULL, 0, FRC_ERROR_FORMAT, "lacks storage '0'");
  assert_archive_refused (FALSE, "x/data/0", "123", 3, FRC_ERROR_FORMAT,
      "storage '0': expected 16 bytes, found 3");
  assert_file_refused (path, FRC_ERROR_UNSUPPORTED, "TorchScript");
}

static void
test_archive_damaged (void)
{
  g_autoptr (GByteArray) file = archive (FALSE, NULL, NULL, 0);

  /* A bit of the last storage: its checksum tells. */
  guint8 *data = memmem (file->data, file->len, state_data, 16);
  g_assert_nonnull (data);
  data[5] ^= 1;
  assert_refused (file->data, file->len, FRC_ERROR_FORMAT, "expected entry '0' whole");
}

/* A megabyte of zeros packed to a kilobyte, as pickle and as storage. */
static void
test_archive_bomb (void)
{
  const gsize n = 8 << 20;
  g_autofree guint8 *zeros = g_malloc0 (n);

  assert_archive_refused (TRUE, "x/data.pkl", zeros, n, FRC_ERROR_TOO_LARGE, "unpacks to 8388608");
  assert_archive_refused (TRUE, "x/data/0", zeros, n, FRC_ERROR_TOO_LARGE, "unpacks to 8388608");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights-hostile/files", test_files);
  g_test_add_func ("/weights-hostile/truncated", test_truncated);
  g_test_add_func ("/weights-hostile/safetensors", test_safetensors);
  g_test_add_func ("/weights-hostile/safetensors-bomb", test_safetensors_bomb);
  g_test_add_func ("/weights-hostile/pickle-works", test_pickle_works);
  g_test_add_func ("/weights-hostile/pickle-old", test_pickle_old);
  g_test_add_func ("/weights-hostile/pickle-code", test_pickle_code);
  g_test_add_func ("/weights-hostile/pickle-damaged", test_pickle_damaged);
  g_test_add_func ("/weights-hostile/pickle-shapes", test_pickle_shapes);
  g_test_add_func ("/weights-hostile/pickle-bombs", test_pickle_bombs);
  g_test_add_func ("/weights-hostile/archive", test_archive);
  g_test_add_func ("/weights-hostile/archive-damaged", test_archive_damaged);
  g_test_add_func ("/weights-hostile/archive-bomb", test_archive_bomb);
  return g_test_run ();
}
