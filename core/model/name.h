/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_NAME_H
#define FRC_NAME_H

#include <glib.h>

/* printf into a static-sized name: names of tensors are short and known. */
#define FRC_NAME_MAX 160
typedef struct { char s[FRC_NAME_MAX]; } FrcName;
FrcName frc_name (const char *format, ...) G_GNUC_PRINTF (1, 2);

#endif
