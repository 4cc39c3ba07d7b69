/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the zip archive that torch.save () writes since torch 1.6: NAME/data.pkl is the pickle,
 * NAME/data/KEY the bytes of a storage, NAME/byteorder "little" or absent.
 * Source: torch/serialization.py, _save () and _load ().
 */
#include "pth.h"
#include "core/mem.h"

#include <string.h>
#include <zip.h>

#define MAX_UNPACKED_PER_FILE_BYTE 2 /* torch.save () does not compress */
#define UNPACKED_FIXED_BYTES (16 << 10)
#define DIRECTORY_ENTRY_BYTES 46
#define MAX_NAME 512
#define ALIGNMENT 16
#define NOT_PLACED G_MAXUINT64

typedef struct {
  FrcWeights *weights;
  zip_t *zip;
  gsize n_entries;
  char prefix[MAX_NAME]; /* with the '/' */
  guint64 unpacked;      /* bytes taken or about to be */
  guint8 *pickle;
  gsize pickle_bytes;
  guint64 *places; /* of an entry in weights->storages */
  gsize storage_bytes;
} Archive;

/* ---- entries ------------------------------------------------------------------------------ */

static gboolean
open_archive (Archive *a, GError **error)
{
  FrcWeights *weights = a->weights;
  zip_error_t cause;

  zip_error_init (&cause);
  zip_source_t *source = zip_source_buffer_create (weights->file, weights->size, 0, &cause);
  a->zip = source ? zip_open_from_source (source, ZIP_RDONLY, &cause) : NULL;
  if (!a->zip) {
    frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "expected a zip archive, found a truncated or damaged one: %s", zip_error_strerror (&cause));
    zip_source_free (source);
  }
  zip_error_fini (&cause);
  return a->zip != NULL;
}

/* The size of entry @i once it is known to be readable and to fit the memory bound. */
static gboolean
stat_entry (Archive *a, zip_uint64_t i, const char *name, guint64 *size, GError **error)
{
  char quoted[FRC_QUOTE_BYTES];
  zip_stat_t info;
  const guint64 needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  const guint64 most = MAX_UNPACKED_PER_FILE_BYTE * (guint64) a->weights->size +
      UNPACKED_FIXED_BYTES;

  frc_quote (name, strlen (name), quoted);
  if (zip_stat_index (a->zip, i, 0, &info) < 0 || (info.valid & needed) != needed)
    return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT, "damaged entry '%s'", quoted);
  if ((info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) ||
      info.encryption_method != ZIP_EM_NONE)
    return frc_weights_fail (a->weights, error, FRC_ERROR_UNSUPPORTED,
        "entry '%s' is encrypted or compressed in an unknown way", quoted);
  if (info.size > most - a->unpacked)
    return frc_weights_fail (a->weights, error, FRC_ERROR_TOO_LARGE,
        "entry '%s' unpacks to %" G_GUINT64_FORMAT " bytes: more than twice the file in all",
        quoted, (guint64) info.size);
  a->unpacked += info.size;
  *size = info.size;
  return TRUE;
}

/* Unpacks the @size bytes of entry @i; libzip compares the checksum at the end. */
static gboolean
read_entry (Archive *a, zip_uint64_t i, const char *name, guint8 *out, guint64 size,
    GError **error)
{
  char quoted[FRC_QUOTE_BYTES];
  guint8 more;
  guint64 done = 0;
  zip_int64_t n = 1;
  zip_file_t *file = zip_fopen_index (a->zip, i, 0);

  while (file && done < size && (n = zip_fread (file, out + done, size - done)) > 0)
    done += n;
  gboolean ok = file && done == size && zip_fread (file, &more, 1) == 0;
  if (!ok)
    frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT,
        "expected entry '%s' whole, found it truncated or damaged: %s",
        frc_quote (name, strlen (name), quoted),
        file ? zip_file_strerror (file) : zip_strerror (a->zip));
  if (file)
    zip_fclose (file);
  return ok;
}

/* ---- the parts of an archive -------------------------------------------------------------- */

/* Finds the one …/data.pkl; counts the directory as header. */
static gboolean
find_prefix (Archive *a, GError **error)
{
  static const char suffix[] = "/data.pkl";
  gsize directory_bytes = 0;

  for (gsize i = 0; i < a->n_entries; i++) {
    const char *name = zip_get_name (a->zip, i, ZIP_FL_ENC_RAW);
    gsize n = name ? strlen (name) : 0;
    directory_bytes += DIRECTORY_ENTRY_BYTES + n;
    if (!name || !g_str_has_suffix (name, suffix))
      continue;
    gsize prefix_bytes = n - strlen (suffix) + 1;
    if (prefix_bytes >= sizeof a->prefix || a->prefix[0])
      return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT,
          "an archive with several data.pkl, or one with an overlong name");
    memcpy (a->prefix, name, prefix_bytes);
  }
  a->weights->header_bytes = directory_bytes;
  return a->prefix[0] || frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT,
      "a zip archive without data.pkl, so not one that torch.save () wrote");
}

/* The index of the entry prefix + @name, or −1. @full is set to that name. */
static zip_int64_t
locate (Archive *a, const char *name, char full[2 * MAX_NAME])
{
  g_snprintf (full, 2 * MAX_NAME, "%s%s", a->prefix, name);
  return zip_name_locate (a->zip, full, 0);
}

static gboolean
check_kind (Archive *a, GError **error)
{
  char name[2 * MAX_NAME];
  guint8 order[6];
  guint64 size;

  if (locate (a, "constants.pkl", name) >= 0)
    return frc_weights_fail (a->weights, error, FRC_ERROR_UNSUPPORTED,
        "a TorchScript program; expected a state dict: torch.save (model.state_dict (), …)");
  zip_int64_t i = locate (a, "byteorder", name);
  if (i < 0)
    return TRUE;
  if (!stat_entry (a, i, name, &size, error))
    return FALSE;
  if (size == sizeof order && !read_entry (a, i, name, order, size, error))
    return FALSE;
  return (size == sizeof order && memcmp (order, "little", sizeof order) == 0) ||
      frc_weights_fail (a->weights, error, FRC_ERROR_UNSUPPORTED, "data that is not little-endian");
}

static gboolean
read_pickle (Archive *a, GError **error)
{
  char name[2 * MAX_NAME];
  guint64 size;
  zip_int64_t i = locate (a, "data.pkl", name);

  if (i < 0)
    return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT, "no data.pkl");
  if (!stat_entry (a, i, name, &size, error))
    return FALSE;
  a->pickle = frc_alloc (size, 1, a->weights->shown, error);
  if (!a->pickle)
    return FALSE;
  a->pickle_bytes = size;
  a->weights->header_bytes += size;
  return read_entry (a, i, name, a->pickle, size, error);
}

/* Gives the entry of @storage a place; several tensors may share it. */
static gboolean
place_storage (Archive *a, FrcPickleStorage *storage, GError **error)
{
  char name[2 * MAX_NAME], key[MAX_NAME], quoted[FRC_QUOTE_BYTES];
  guint64 size, bytes;

  frc_quote (storage->key, storage->key_bytes, quoted);
  if (storage->key_bytes > MAX_NAME / 2)
    return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT, "overlong storage key");
  g_snprintf (key, sizeof key, "data/%.*s", (int) storage->key_bytes, (const char *) storage->key);
  zip_int64_t i = locate (a, key, name);
  if (i < 0)
    return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT,
        "damaged: the archive lacks storage '%s'", quoted);
  if (!frc_pth_storage_bytes (a->weights, storage, &bytes, error))
    return FALSE;

  storage->place = i;
  if (a->places[i] == NOT_PLACED) {
    if (!stat_entry (a, i, name, &size, error))
      return FALSE;
    a->places[i] = a->storage_bytes;
    a->storage_bytes += (size + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1);
  }
  zip_stat_t info;
  if (zip_stat_index (a->zip, i, 0, &info) < 0 || info.size != bytes)
    return frc_weights_fail (a->weights, error, FRC_ERROR_FORMAT,
        "storage '%s': expected %" G_GUINT64_FORMAT " bytes, found %" G_GUINT64_FORMAT, quoted,
        bytes, (guint64) info.size);
  return TRUE;
}

static gboolean
read_storages (Archive *a, FrcPickle *p, GError **error)
{
  FrcWeights *weights = a->weights;
  char quoted[FRC_QUOTE_BYTES];

  a->places = frc_alloc (a->n_entries, sizeof *a->places, weights->shown, error);
  if (!a->places)
    return FALSE;
  for (gsize i = 0; i < a->n_entries; i++)
    a->places[i] = NOT_PLACED;
  for (FrcPickleStorage *storage = p->storages; storage; storage = storage->next)
    if (storage->wanted && !place_storage (a, storage, error))
      return FALSE;

  weights->storages = frc_alloc (a->storage_bytes, 1, weights->shown, error);
  if (!weights->storages)
    return FALSE;
  for (FrcPickleStorage *storage = p->storages; storage; storage = storage->next) {
    if (!storage->wanted)
      continue;
    zip_uint64_t i = storage->place;
    gboolean is_read = a->places[i] & 1; /* places are multiples of ALIGNMENT */
    storage->data = weights->storages + (a->places[i] & ~(guint64) 1);
    a->places[i] |= 1;
    if (!is_read && !read_entry (a, i, frc_quote (storage->key, storage->key_bytes, quoted),
            (guint8 *) storage->data, storage->elements * frc_dtype_size (storage->dtype), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_archive (Archive *a, FrcPickle *p, GError **error)
{
  FrcPickleValue root;

  if (!find_prefix (a, error) || !check_kind (a, error) || !read_pickle (a, error))
    return FALSE;
  frc_pickle_init (p, a->weights, a->pickle, a->pickle_bytes);
  if (!frc_pickle_run (p, &root, error))
    return FALSE;
  const FrcPickleValue *dict = frc_pth_find_state_dict (p, &root, error);
  return dict && read_storages (a, p, error) && frc_pth_fill (a->weights, p, dict, error);
}

/**
 * frc_pth_zip_read:
 * @weights: with the file in memory; it is freed, tensors live in @weights->storages
 *
 * Errors: FORMAT, UNSUPPORTED (opcodes, globals, TorchScript, big-endian data), TOO_LARGE,
 * NO_MEMORY.
 */
gboolean
frc_pth_zip_read (FrcWeights *weights, GError **error)
{
  Archive archive = { .weights = weights };
  FrcPickle pickle = { 0 };

  weights->header_bytes = weights->size; /* until the directory is read */
  if (!open_archive (&archive, error))
    return FALSE;
  archive.n_entries = zip_get_num_entries (archive.zip, 0);
  gboolean ok = read_archive (&archive, &pickle, error);
  frc_pickle_clear (&pickle);
  frc_free (archive.pickle);
  frc_free (archive.places);
  zip_discard (archive.zip);
  frc_clear (&weights->file);
  return ok;
}
