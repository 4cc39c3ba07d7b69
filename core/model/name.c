/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "name.h"

#include <stdarg.h>

FrcName
frc_name (const char *format, ...)
{
  FrcName name;
  va_list args;

  va_start (args, format);
  g_vsnprintf (name.s, sizeof name.s, format, args);
  va_end (args);
  return name;
}
