/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Large inputs, well formed or nearly, of what takes the most memory for a byte.
 */
#ifndef FRC_BOMBS_H
#define FRC_BOMBS_H

#include <glib.h>

typedef void (*BombFunc) (const char *name, const guint8 *data, gsize size, gpointer user_data);

void bombs_foreach (BombFunc func, gpointer user_data);

#endif
