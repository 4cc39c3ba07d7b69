/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pickle by itself, as Detectron2's model zoo has them: a dictionary of NumPy arrays, whose elements
 * stay where they are in the file.
 */
#include "pth.h"

gboolean
frc_pickle_file_read (FrcWeights *weights, GError **error)
{
  const FrcPickleValue *dict = NULL;
  FrcPickleValue root;
  FrcPickle pickle;

  frc_pickle_init (&pickle, weights, weights->file, weights->size);
  if (frc_pickle_run (&pickle, &root, error))
    dict = frc_pth_find_state_dict (&pickle, &root, error);
  gboolean ok = dict && frc_pth_fill (weights, &pickle, dict, error);
  weights->header_bytes = pickle.at - pickle.payload;
  frc_pickle_clear (&pickle);
  return ok;
}
