/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frcnn.h"

G_DEFINE_QUARK (frc-error-quark, frc_error)
