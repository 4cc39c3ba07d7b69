/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The web server of the live page: one page, one endless picture, one endless list of events. Any
 * number of viewers; each gets the newest picture whenever it has taken the last one, so a slow
 * one misses pictures and holds up nobody. All of it runs in the main thread.
 */
#ifndef LIVE_SERVER_H
#define LIVE_SERVER_H

#include <gio/gio.h>

typedef struct _LiveServer LiveServer;

LiveServer *live_server_new (const char *address, guint port, GError **error);
void live_server_free (LiveServer *server);
char *live_server_get_url (LiveServer *server);
gboolean live_server_has_viewers (LiveServer *server);
void live_server_send_picture (LiveServer *server, GBytes *jpeg);
void live_server_send_event (LiveServer *server, const char *json);

#endif
