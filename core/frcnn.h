/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libfrcnn: Faster R-CNN on ordinary CPUs. The one public header.
 *
 * The simple case, complete:
 *
 *   g_autoptr (GError) error = NULL;
 *   FrcModel *model = frc_model_load ("model.safetensors", NULL, &error);
 *   FrcDetector *detector = model ? frc_detector_new (model, NULL, &error) : NULL;
 *   FrcImage image = { { FRC_FORMAT_RGB, width, height }, { pixels }, { stride } };
 *   FrcQuery query = FRC_QUERY_INIT;
 *   FrcDetection found[100];
 *   guint n;
 *   if (detector && frc_detect (detector, &image, &query, found, 100, &n, &error))
 *     for (guint i = 0; i < n; i++)
 *       use (frc_model_get_label (model, found[i].label_id), found[i].score, found[i].box);
 *   frc_detector_free (detector);
 *   frc_model_unref (model);
 *
 * An application with many frames calls frc_detector_prepare () once for a size and format, then
 * frc_detector_load () and frc_detector_run () a frame: neither of the two allocates.
 *
 * Threads: a detector is used by one thread at a time; any number of detectors share one model.
 * Nothing here aborts, exits or prints. Boxes are x1, y1, x2, y2 in pixels, 0-based, half-open.
 */
#ifndef FRCNN_H
#define FRCNN_H

#include <glib.h>

G_BEGIN_DECLS

/* ---- errors ------------------------------------------------------------------------------- */

#define FRC_ERROR (frc_error_quark ())
GQuark frc_error_quark (void);

typedef enum {
  FRC_ERROR_OPEN,           /* the file cannot be opened or read */
  FRC_ERROR_FORMAT,         /* not a file of a known kind, or damaged */
  FRC_ERROR_UNSUPPORTED,    /* a known kind, a part of it that is not supported */
  FRC_ERROR_MISSING_TENSOR, /* the family needs a tensor that the file lacks */
  FRC_ERROR_SHAPE,          /* a tensor or an image has another shape than needed */
  FRC_ERROR_TOO_LARGE,      /* over a limit that is checked before memory is taken */
  FRC_ERROR_NO_MEMORY,
  FRC_ERROR_ARGUMENT,       /* the caller asked for something that does not exist */
  FRC_ERROR_WRITE           /* an output file cannot be written */
} FrcError;

/* ---- images ------------------------------------------------------------------------------- */

/* Byte orders are those of GStreamer's formats of the same name. */
typedef enum {
  FRC_FORMAT_RGB, FRC_FORMAT_BGR, FRC_FORMAT_RGBA, FRC_FORMAT_BGRA, FRC_FORMAT_ARGB,
  FRC_FORMAT_ABGR, FRC_FORMAT_RGBX, FRC_FORMAT_BGRX, FRC_FORMAT_XRGB, FRC_FORMAT_XBGR,
  FRC_FORMAT_GRAY8, FRC_FORMAT_NV12, FRC_FORMAT_NV21, FRC_FORMAT_I420, FRC_FORMAT_YV12,
  FRC_FORMAT_YUY2, FRC_FORMAT_UYVY, FRC_FORMAT_Y42B, FRC_FORMAT_Y444,
  FRC_N_FORMATS
} FrcFormat;

typedef enum {
  FRC_MATRIX_BT601, FRC_MATRIX_BT709, FRC_MATRIX_FCC, FRC_MATRIX_SMPTE240M, FRC_MATRIX_BT2020
} FrcMatrix;

typedef enum { FRC_RANGE_LIMITED, FRC_RANGE_FULL } FrcRange; /* of YUV and GRAY8 only */

#define FRC_MAX_IMAGE_SIZE 8192

typedef struct {
  FrcFormat format;
  guint width, height; /* pixels, 1 … FRC_MAX_IMAGE_SIZE */
  FrcMatrix matrix;    /* ignored for RGB formats */
  FrcRange range;      /* ignored for RGB formats */
} FrcImageInfo;

/* Borrowed pixels. Planes are in component order of the format as GStreamer stores it: Y, UV for
 * NV12; Y, U, V for I420, Y42B and Y444; for YV12 too plane[1] is U and plane[2] is V. */
typedef struct {
  FrcImageInfo info;
  const guint8 *plane[3];
  gint stride[3]; /* bytes between rows */
} FrcImage;

typedef struct { guint x, y, width, height; } FrcRect; /* pixels of the image */

/* ---- models ------------------------------------------------------------------------------- */

typedef struct _FrcModel FrcModel; /* immutable, reference counted, safe to share */

FrcModel *frc_model_load (const char *path, const char *family, GError **error);
FrcModel *frc_model_ref (FrcModel *model);
void frc_model_unref (FrcModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcModel, frc_model_unref)

char *frc_model_find (const char *name, GError **error);

typedef struct {
  const char *path;        /* as it was given to frc_model_load () */
  const char *name;        /* for people and metadata: the file's name without its ending */
  const char *family;      /* torchvision's function name, or one in its style */
  gboolean family_guessed; /* the file alone could not tell: see frc_model_load () */
  guint n_labels;          /* classes without background */
  guint min_size, max_size;           /* shorter and longer side of the network input, pixels */
  gfloat image_mean[3], image_std[3]; /* of RGB in 0 … 1 */
  guint n_anchor_levels, anchors_per_cell;
  guint rpn_pre_nms_top_n, rpn_post_nms_top_n;
  gfloat rpn_nms_threshold, rpn_score_threshold;
  gfloat box_score_threshold, box_nms_threshold;
  guint box_detections_per_image;
  guint64 n_parameters;
  /* What `frcnn calibrate` wrote into the file: bounds for int8, and what a precision costs, in words
   * that begin with the points of mean AP (NULL: unknown). */
  gboolean has_int8_bounds;
  const char *bf16_cost, *int8_cost;
} FrcModelInfo;

const FrcModelInfo *frc_model_get_info (const FrcModel *model);
const char *frc_model_get_label (const FrcModel *model, gint label_id);
gboolean frc_model_convert (const char *in, const char *family, const char *const *labels,
    const char *dtype, const char *out, GError **error);

/* The families that frc_model_load () knows, NULL-terminated, static. */
const char *const *frc_family_names (void);

/* ---- detectors ---------------------------------------------------------------------------- */

typedef struct _FrcDetector FrcDetector;

/* What the layers compute with; sums are f32 in each. */
typedef enum {
  /* The fastest on this CPU of those that cost at most 0.5 points of mean AP, as the model's file
   * tells; f32 where it does not tell. */
  FRC_PRECISION_AUTO,
  FRC_PRECISION_F32,
  /* Weights and tensors between the layers are bf16. Needs AVX512-BF16; AMX where Linux lets this
   * process have it, which is asked for once, with the first such detector: from then on a signal
   * that meets a thread at work needs 8 KiB more stack. No thread keeps tile registers. */
  FRC_PRECISION_BF16,
  /* As bf16, and the layers with most multiplications multiply int8. The model's file must hold the
   * bounds of their inputs, which `frcnn calibrate` measures. */
  FRC_PRECISION_INT8,
  FRC_N_PRECISIONS
} FrcPrecision;

gboolean frc_precision_parse (const char *name, FrcPrecision *precision, GError **error);
const char *frc_precision_name (FrcPrecision precision);

/* What needs a new plan. Zero is the default of each. */
typedef struct {
  guint threads;       /* threads of this detector, the caller's included; 0 = one a core */
  guint input_size;    /* shorter side of the network input, 0 = the model's */
  guint max_proposals; /* 0 = the model's */
  FrcPrecision precision;
} FrcOptions;

typedef struct { gfloat x1, y1, x2, y2; } FrcBox;

/* What may change from frame to frame. What is not wanted makes room: max_detections counts only
 * what is kept. A box of an unwanted size still suppresses what it overlaps. */
typedef struct {
  gfloat score_threshold; /* keeps score > this */
  const gfloat *class_thresholds; /* (nullable): one a label, negative = score_threshold */
  gfloat nms_threshold;   /* < 0 = the model's */
  guint max_detections;   /* 0 = the model's */
  gfloat min_side; /* pixels: the shorter side of a box that is kept is at least this */
  gfloat max_side; /* pixels: the longer side is at most this; 0 = no limit */
  const guint8 *class_mask; /* (nullable): a byte a label, n_labels of them, 0 = not wanted */
  const FrcBox *proposals;  /* (nullable): given proposals, in pixels of the rectangle; no RPN */
  guint n_proposals;        /* ≤ the detector's proposal limit; the rest is ignored */
  const gint *cancel;       /* (nullable): read atomically; not 0 ends the run early */
} FrcQuery;

#define FRC_QUERY_INIT { .score_threshold = 0.5f, .nms_threshold = -1.0f }

typedef struct {
  FrcBox box;     /* pixels of the rectangle that was loaded, clipped to it */
  gfloat score;   /* 0 … 1 */
  gint label_id;  /* the model's class number − 1: background is never counted, holes are kept */
} FrcDetection;

FrcDetector *frc_detector_new (FrcModel *model, const FrcOptions *options, GError **error);
void frc_detector_free (FrcDetector *detector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcDetector, frc_detector_free)

gboolean frc_detector_prepare (FrcDetector *detector, const FrcImageInfo *info, GError **error);
gboolean frc_detector_load (FrcDetector *detector, const FrcImage *image, const FrcRect *rect);
gboolean frc_detector_run (FrcDetector *detector, const FrcQuery *query, FrcDetection *out,
    guint capacity, guint *n);
gboolean frc_detect (FrcDetector *detector, const FrcImage *image, const FrcQuery *query,
    FrcDetection *out, guint capacity, guint *n, GError **error);

/* ---- looking inside ----------------------------------------------------------------------- */

/* One intermediate result: name is torchvision's, data is NHWC f32 with ld floats from one pixel to
 * the next, valid during the call. */
typedef void (*FrcObserver) (const char *name, const gfloat *data, guint n, guint h, guint w,
    guint c, gsize ld, gpointer user_data);
void frc_detector_set_observer (FrcDetector *detector, FrcObserver observer, gpointer user_data);

typedef struct {
  const char *name;  /* "load", "trunk", "proposals", "roi_pool", "head", "postprocess" */
  guint64 ns;        /* of the last frame */
  gdouble flops;     /* 2 × multiply-accumulates of the last frame; 0 where none are counted */
} FrcStageTime;
guint frc_detector_get_stages (const FrcDetector *detector, FrcStageTime *out, guint capacity);

/* One line of the plan. */
typedef struct {
  const char *name;      /* the node's name: the weights' prefix where it has some */
  const char *operation; /* "conv 3x3/2 + relu", … with everything that was fused into it */
  const char *kernel;    /* what runs it: "gemm avx512", … */
  guint n, h, w, c;      /* shape of the output */
  gdouble flops;
  guint64 weight_bytes;
} FrcLayer;
typedef void (*FrcLayerFunc) (const FrcLayer *layer, gpointer user_data);
void frc_detector_foreach_layer (const FrcDetector *detector, FrcLayerFunc func,
    gpointer user_data);

typedef struct {
  guint threads, input_width, input_height; /* input: of the last load, padding included */
  guint resized_width, resized_height;      /* without padding */
  guint n_proposals;                        /* that reached the head in the last run */
  gsize arena_bytes, weight_bytes;
  const char *cpu;                          /* "scalar", "avx2", "avx512" */
  FrcPrecision precision;                   /* that was chosen, never AUTO */
} FrcDetectorInfo;
void frc_detector_get_info (const FrcDetector *detector, FrcDetectorInfo *info);

G_END_DECLS

#endif
