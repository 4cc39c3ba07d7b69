/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread that keeps changing and reading the properties of running elements.
 */
#ifndef FRC_TEST_CHURN_H
#define FRC_TEST_CHURN_H

#include <gst/gst.h>

typedef struct _Churn Churn;

/* @objects: NULL-terminated; they must outlive the thread. */
Churn *churn_start (GObject **objects, guint32 seed);
/* Joins and frees. Returns: how many changes it made. */
guint64 churn_stop (Churn *churn);

#endif
