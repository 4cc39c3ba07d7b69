/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inception_v2.h"

#define CONV(name, kernel, stride) { name, FRC_UNIT_CONV, kernel, stride }
#define MAX_POOL(name, stride) { name, FRC_UNIT_MAX_POOL, 3, stride }
#define AVERAGE_POOL(name) { name, FRC_UNIT_AVERAGE_POOL, 3, 1 }

/* Four branches, the last of which pools before it convolves. */
#define MIXED(name, pool) \
  { name, 4, { \
    { CONV ("Conv2d_0a_1x1", 1, 1) }, \
    { CONV ("Conv2d_0a_1x1", 1, 1), CONV ("Conv2d_0b_3x3", 3, 1) }, \
    { CONV ("Conv2d_0a_1x1", 1, 1), CONV ("Conv2d_0b_3x3", 3, 1), CONV ("Conv2d_0c_3x3", 3, 1) }, \
    { pool, CONV ("Conv2d_0b_1x1", 1, 1) } } }

/* Three branches that halve the map. */
#define REDUCTION(name) \
  { name, 3, { \
    { CONV ("Conv2d_0a_1x1", 1, 1), CONV ("Conv2d_1a_3x3", 3, 2) }, \
    { CONV ("Conv2d_0a_1x1", 1, 1), CONV ("Conv2d_0b_3x3", 3, 1), CONV ("Conv2d_1a_3x3", 3, 2) }, \
    { MAX_POOL ("MaxPool_1a_3x3", 2) } } }

const FrcInceptionUnit frc_inception_stem[] = {
  MAX_POOL ("MaxPool_2a_3x3", 2), CONV ("Conv2d_2b_1x1", 1, 1), CONV ("Conv2d_2c_3x3", 3, 1),
  MAX_POOL ("MaxPool_3a_3x3", 2), { NULL, FRC_UNIT_CONV, 0, 0 }
};

const FrcInceptionModule frc_inception_trunk[] = {
  MIXED ("Mixed_3b", AVERAGE_POOL ("AvgPool_0a_3x3")),
  MIXED ("Mixed_3c", AVERAGE_POOL ("AvgPool_0a_3x3")),
  REDUCTION ("Mixed_4a"),
  MIXED ("Mixed_4b", AVERAGE_POOL ("AvgPool_0a_3x3")),
  MIXED ("Mixed_4c", AVERAGE_POOL ("AvgPool_0a_3x3")),
  MIXED ("Mixed_4d", AVERAGE_POOL ("AvgPool_0a_3x3")),
  MIXED ("Mixed_4e", AVERAGE_POOL ("AvgPool_0a_3x3"))
};
const guint frc_inception_n_trunk = G_N_ELEMENTS (frc_inception_trunk);

const FrcInceptionModule frc_inception_head[] = {
  REDUCTION ("Mixed_5a"),
  MIXED ("Mixed_5b", AVERAGE_POOL ("AvgPool_0a_3x3")),
  MIXED ("Mixed_5c", MAX_POOL ("MaxPool_0a_3x3", 1))
};
const guint frc_inception_n_head = G_N_ELEMENTS (frc_inception_head);
