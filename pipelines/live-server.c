/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   /         the page, pipelines/live.html
 *   /video    multipart/x-mixed-replace: JPEG pictures, which a browser shows in an <img>
 *   /events   text/event-stream: a JSON object an event
 */
#include "live-server.h"

#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_CLIENTS 64                            /* of each stream */
#define MAX_STALL (10 * G_TIME_SPAN_SECOND)       /* then a client that takes nothing is let go */
#define MAX_QUEUED (256 * 1024) /* bytes that the system keeps on their way: old pictures */
#define REPEAT G_TIME_SPAN_SECOND /* the last picture comes again when no other does */
#define BOUNDARY "--picture\r\n"

/* An endless response, and who takes it. */
typedef struct
{
  const char *type;
  const char *opening; /* what a client gets at first */
  GBytes *latest;      /* (nullable) */
  guint64 serial;      /* of the latest; 0 = there is none */
  GList *clients;
  guint n_clients;
} Channel;

typedef struct
{
  Channel *channel;
  SoupServerMessage *message;
  guint64 sent;       /* serial of what it got last */
  gint64 busy_since;  /* µs, monotonic: a chunk is on its way; 0 = it has taken everything */
} Client;

struct _LiveServer
{
  SoupServer *soup;
  char *address;
  gboolean loopback;
  Channel video, events;
  gint viewers;     /* atomic: clients of the video */
  gint64 published; /* µs, monotonic: the last picture */
};

/* ---- endless responses ---------------------------------------------------------------------- */

static void
client_send (Client *client, GBytes *bytes)
{
  client->busy_since = g_get_monotonic_time ();
  soup_message_body_append_bytes (soup_server_message_get_response_body (client->message), bytes);
  soup_server_message_unpause (client->message);
}

/* Sends the latest, unless the client has it or still takes what came before. */
static void
client_catch_up (Client *client)
{
  Channel *channel = client->channel;

  if (client->busy_since || client->sent == channel->serial)
    return;
  client->sent = channel->serial;
  client_send (client, channel->latest);
}

static void
on_wrote_chunk (SoupServerMessage *message, gpointer user_data)
{
  Client *client = user_data;

  client->busy_since = 0;
  client_catch_up (client);
}

static void
on_finished (SoupServerMessage *message, gpointer user_data)
{
  Client *client = user_data;
  Channel *channel = client->channel;

  g_signal_handlers_disconnect_by_data (message, client);
  channel->clients = g_list_remove (channel->clients, client);
  channel->n_clients--;
  g_object_unref (client->message);
  g_free (client);
}

/* A client whose connection takes nothing any more would hold its picture for ever. */
static void
let_go_of_stalled (Channel *channel)
{
  gint64 now = g_get_monotonic_time ();

  for (GList *l = channel->clients; l; l = l->next) {
    Client *client = l->data;
    GSocket *socket = soup_server_message_get_socket (client->message);
    if (client->busy_since && now - client->busy_since > MAX_STALL && socket)
      g_socket_shutdown (socket, TRUE, TRUE, NULL);
  }
}

/* Takes @bytes. */
static void
channel_publish (Channel *channel, GBytes *bytes)
{
  g_clear_pointer (&channel->latest, g_bytes_unref);
  channel->latest = bytes;
  channel->serial++;
  for (GList *l = channel->clients; l; l = l->next)
    client_catch_up (l->data);
  let_go_of_stalled (channel);
}

static void
channel_open (Channel *channel, SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  if (channel->n_clients >= MAX_CLIENTS) {
    soup_server_message_set_status (message, SOUP_STATUS_SERVICE_UNAVAILABLE, NULL);
    return;
  }
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, channel->type, NULL);
  if (soup_server_message_get_method (message) == SOUP_METHOD_HEAD)
    return;
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_EOF);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);

  GSocket *socket = soup_server_message_get_socket (message);
  if (socket)
    g_socket_set_option (socket, SOL_SOCKET, SO_SNDBUF, MAX_QUEUED, NULL);

  Client *client = g_new0 (Client, 1);
  client->channel = channel;
  client->message = g_object_ref (message);
  channel->clients = g_list_prepend (channel->clients, client);
  channel->n_clients++;
  g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_wrote_chunk), client);
  g_signal_connect (message, "finished", G_CALLBACK (on_finished), client);
  g_autoptr (GBytes) opening = g_bytes_new_static (channel->opening, strlen (channel->opening));
  client_send (client, opening);
}

static void
channel_close (Channel *channel)
{
  while (channel->clients)
    on_finished (((Client *) channel->clients->data)->message, channel->clients->data);
  g_clear_pointer (&channel->latest, g_bytes_unref);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A page elsewhere may have its own name point to this machine, and would then read along: on the
 * loopback address only this machine's names are answered. */
static gboolean
host_is_ours (LiveServer *server, SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);
  const char *host = g_uri_get_host (uri);

  return !server->loopback || !g_strcmp0 (host, "localhost") ||
      !g_strcmp0 (host, server->address) || !g_strcmp0 (host, "127.0.0.1") ||
      !g_strcmp0 (host, "::1");
}

static void
send_page (SoupServerMessage *message)
{
  g_autoptr (GBytes) page = g_resources_lookup_data ("/live/live.html", 0, NULL);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, "text/html; charset=utf-8", NULL);
  soup_message_headers_append (headers, "Content-Security-Policy",
      "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'");
  soup_message_body_append_bytes (soup_server_message_get_response_body (message), page);
}

static void
on_request (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query,
    gpointer user_data)
{
  LiveServer *server = user_data;
  const char *method = soup_server_message_get_method (message);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_append (headers, "Cache-Control", "no-store");
  soup_message_headers_append (headers, "Cross-Origin-Resource-Policy", "same-origin");
  if (!host_is_ours (server, message)) {
    soup_server_message_set_status (message, SOUP_STATUS_FORBIDDEN, NULL);
  } else if (method != SOUP_METHOD_GET && method != SOUP_METHOD_HEAD) {
    soup_message_headers_append (headers, "Allow", "GET, HEAD");
    soup_server_message_set_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
  } else if (g_str_equal (path, "/")) {
    send_page (message);
  } else if (g_str_equal (path, "/video")) {
    channel_open (&server->video, message);
  } else if (g_str_equal (path, "/events")) {
    channel_open (&server->events, message);
  } else {
    soup_server_message_set_status (message, SOUP_STATUS_NOT_FOUND, NULL);
  }
}

/* ---- the server ----------------------------------------------------------------------------- */

/* Listens at once; the error says address and port. */
LiveServer *
live_server_new (const char *address, guint port, GError **error)
{
  g_autoptr (GSocketAddress) socket = g_inet_socket_address_new_from_string (address, port);
  g_autoptr (GError) reason = NULL;

  if (!socket) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "'%s' is not an address: expected a number such as 127.0.0.1, or 0.0.0.0 for everybody",
        address);
    return NULL;
  }
  LiveServer *server = g_new0 (LiveServer, 1);
  server->address = g_strdup (address);
  server->loopback = g_inet_address_get_is_loopback (
      g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (socket)));
  server->video = (Channel){ .type = "multipart/x-mixed-replace; boundary=picture",
    .opening = BOUNDARY };
  server->events = (Channel){ .type = "text/event-stream", .opening = "retry: 1000\n\n" };
  server->soup = soup_server_new (NULL, NULL);
  soup_server_add_handler (server->soup, NULL, on_request, server, NULL);
  if (soup_server_listen (server->soup, socket, 0, &reason))
    return server;

  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
        "port %u of %s is in use: --port takes another", port, address);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "port %u of %s cannot be listened on: %s",
        port, address, reason->message);
  live_server_free (server);
  return NULL;
}

void
live_server_free (LiveServer *server)
{
  channel_close (&server->video);
  channel_close (&server->events);
  soup_server_disconnect (server->soup);
  g_object_unref (server->soup);
  g_free (server->address);
  g_free (server);
}

/* Where the page is: for a person to open. Free it with g_free (). */
char *
live_server_get_url (LiveServer *server)
{
  GSList *uris = soup_server_get_uris (server->soup);
  char *url = uris ? g_uri_to_string (uris->data) : g_strdup ("");

  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return url;
}

/* From any thread: whether pictures are wanted at all. */
gboolean
live_server_has_viewers (LiveServer *server)
{
  return g_atomic_int_get (&server->viewers) > 0;
}

/* A part ends with the boundary of the next. Even so Chromium shows it only when the next one begins:
 * for that, and to notice who has gone, the last picture of a stream is sent again and again. */
static void
repeat_picture (LiveServer *server)
{
  gint64 now = g_get_monotonic_time ();

  if (!server->video.latest || now - server->published < REPEAT)
    return;
  channel_publish (&server->video, g_bytes_ref (server->video.latest));
  server->published = now;
}

void
live_server_send_picture (LiveServer *server, GBytes *jpeg)
{
  gsize size = g_bytes_get_size (jpeg);
  g_autoptr (GByteArray) part = g_byte_array_sized_new (size + 128);
  g_autofree char *head = g_strdup_printf (
      "Content-Type: image/jpeg\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", size);

  g_byte_array_append (part, (const guint8 *) head, strlen (head));
  g_byte_array_append (part, g_bytes_get_data (jpeg, NULL), size);
  g_byte_array_append (part, (const guint8 *) "\r\n" BOUNDARY, strlen ("\r\n" BOUNDARY));
  channel_publish (&server->video, g_byte_array_free_to_bytes (g_steal_pointer (&part)));
  server->published = g_get_monotonic_time ();
  g_atomic_int_set (&server->viewers, server->video.n_clients);
}

void
live_server_send_event (LiveServer *server, const char *json)
{
  char *event = g_strdup_printf ("data: %s\n\n", json);

  channel_publish (&server->events, g_bytes_new_take (event, strlen (event)));
  repeat_picture (server);
  g_atomic_int_set (&server->viewers, server->video.n_clients);
}
