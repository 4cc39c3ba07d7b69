/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One write () a line, nothing buffered. What fails is an error, never a signal: SIGPIPE and
 * SIGXFSZ are blocked in the writing thread while it writes and taken away before it goes on, so
 * that the process's own handling of them is not touched. A line that did not fit is cut off again.
 */
#include "linewriter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAKE_MS 50 /* how soon a cancel is seen by a write that waits for a reader */

struct _FrcLineWriter
{
  char *name; /* for messages */
  int fd;
  gboolean is_stdout;
  gboolean is_file; /* regular: it can be cut off, and never makes a writer wait for a reader */
};

static void
set_error (GError **error, const FrcLineWriter *writer, const char *doing, int number)
{
  gboolean full = number == ENOSPC || number == EDQUOT || number == EFBIG;

  g_set_error (error, G_FILE_ERROR, full ? G_FILE_ERROR_NOSPC : g_file_error_from_errno (number),
      "location %s: cannot be %s: %s%s", writer->name, doing, g_strerror (number),
      number == EPIPE ? "; nobody reads it any more" : "");
}

/* ---- writing ---- */

static void
take_signal (int number)
{
  const struct timespec now = { 0, 0 };
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, number);
  while (sigtimedwait (&set, NULL, &now) < 0 && errno == EINTR) {
  }
}

/* write (), without the signals that it may raise for this thread. */
static gssize
write_quietly (int fd, const char *data, gsize size)
{
  static const int numbers[] = { SIGPIPE, SIGXFSZ };
  sigset_t quiet, pending, old;

  sigemptyset (&quiet);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaddset (&quiet, numbers[i]);
  sigemptyset (&pending);
  sigpending (&pending);
  pthread_sigmask (SIG_BLOCK, &quiet, &old);

  gssize written = write (fd, data, size);
  int number = errno;

  for (guint i = 0; written < 0 && i < G_N_ELEMENTS (numbers); i++) {
    if (!sigismember (&pending, numbers[i])) /* else it is not ours */
      take_signal (numbers[i]);
  }
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  errno = number;
  return written;
}

/* FALSE when cancelled. So much can be written then without waiting: PIPE_BUF bytes. */
static gboolean
wait_for_room (int fd, const gint *cancel)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
  int ready;

  do {
    if (g_atomic_int_get (cancel))
      return FALSE;
    ready = poll (&poll_fd, 1, WAKE_MS);
  } while (ready == 0 || (ready < 0 && errno == EINTR));
  return TRUE;
}

/* The lines before it stay whole. Somebody else's lines behind it, too. */
static void
drop_partial_line (FrcLineWriter *writer, gsize written)
{
  struct stat now;
  off_t end = written > 0 && writer->is_file ? lseek (writer->fd, 0, SEEK_CUR) : -1;

  if (end < (off_t) written || fstat (writer->fd, &now) != 0 || now.st_size != end)
    return;
  if (ftruncate (writer->fd, end - (off_t) written) == 0)
    lseek (writer->fd, end - (off_t) written, SEEK_SET);
}

/**
 * frc_line_writer_write:
 * @line: of @size bytes, with its newline
 * @cancel: atomic; not 0 = give up while the reader of a pipe does not read
 *
 * Errors: a G_FILE_ERROR, NOSPC where no more fits; the file then ends with the line before.
 * Returns: FALSE without an error when cancelled.
 */
gboolean
frc_line_writer_write (FrcLineWriter *writer, const char *line, gsize size, const gint *cancel,
    GError **error)
{
  gsize done = 0;

  while (done < size) {
    if (!writer->is_file && !wait_for_room (writer->fd, cancel))
      return FALSE;
    gsize piece = writer->is_file ? size - done : MIN (size - done, PIPE_BUF);
    gssize written = write_quietly (writer->fd, line + done, piece);
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      int number = errno;
      drop_partial_line (writer, done);
      set_error (error, writer, "written to", number);
      return FALSE;
    }
    done += MAX (written, 0);
  }
  return TRUE;
}

/* ---- opening and closing ---- */

/* What is appended starts on a line of its own. */
static gboolean
end_last_line (FrcLineWriter *writer, const char *path, off_t size, GError **error)
{
  const gint never = 0;
  char last = '\n';

  int fd = size > 0 ? open (path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return TRUE;
  gboolean has_last = pread (fd, &last, 1, size - 1) == 1;
  close (fd);
  return !has_last || last == '\n' || frc_line_writer_write (writer, "\n", 1, &never, error);
}

/**
 * frc_line_writer_open:
 * @location: a path, or `-` for the standard output
 * @append: keep what is in the file; else it starts empty
 *
 * Errors: a G_FILE_ERROR that names @location. Returns: (transfer full).
 */
FrcLineWriter *
frc_line_writer_open (const char *location, gboolean append, GError **error)
{
  FrcLineWriter *writer = g_new0 (FrcLineWriter, 1);
  struct stat found;

  writer->is_stdout = g_str_equal (location, "-");
  writer->name = g_strdup (writer->is_stdout ? "- (the standard output)" : location);
  writer->fd = writer->is_stdout
      ? STDOUT_FILENO
      : open (location, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
  if (writer->fd < 0 || fstat (writer->fd, &found) != 0) {
    set_error (error, writer, "opened for writing", errno);
    frc_line_writer_close (writer, NULL);
    return NULL;
  }
  writer->is_file = S_ISREG (found.st_mode);
  if (append && writer->is_file && !writer->is_stdout &&
      !end_last_line (writer, location, found.st_size, error)) {
    frc_line_writer_close (writer, NULL);
    return NULL;
  }
  return writer;
}

/**
 * frc_line_writer_close:
 * @writer: (nullable): freed; the standard output stays open
 *
 * Errors: a G_FILE_ERROR where a file system tells only now that it is full.
 */
gboolean
frc_line_writer_close (FrcLineWriter *writer, GError **error)
{
  gboolean closed = TRUE;

  if (!writer)
    return TRUE;
  if (!writer->is_stdout && writer->fd >= 0 && close (writer->fd) != 0 && errno != EINTR) {
    set_error (error, writer, "closed", errno);
    closed = FALSE;
  }
  g_free (writer->name);
  g_free (writer);
  return closed;
}
