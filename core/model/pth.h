/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What PyTorch's two containers share: from a pickled state dict to the table of tensors.
 */
#ifndef FRC_PTH_H
#define FRC_PTH_H

#include "pickle.h"

/* Finds the state dict: @root itself, or a dictionary in it ("model", "state_dict", … or the only
 * one that holds tensors). The result is borrowed; storages of its tensors become wanted. */
const FrcPickleValue *frc_pth_find_state_dict (FrcPickle *pickle, const FrcPickleValue *root,
    GError **error);

/* Fills @weights with the tensors of @dict; the readers have found the data of all wanted storages.
 * Proves that every element lies inside its storage. */
gboolean frc_pth_fill (FrcWeights *weights, FrcPickle *pickle, const FrcPickleValue *dict,
    GError **error);

/* Bytes of a storage's elements; FALSE with FORMAT on overflow. */
gboolean frc_pth_storage_bytes (const FrcWeights *weights, const FrcPickleStorage *storage,
    guint64 *bytes, GError **error);

#endif
