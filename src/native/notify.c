// What Node lacks to speak to a service manager: a datagram to a socket of the file system, or to an abstract one.
#include "addon.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Never waits: who does not read may not hold up the event loop.
static int send_datagram(const struct sockaddr_un *address, socklen_t address_length, const void *bytes, size_t length) {
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  const ssize_t sent = sendto(descriptor, bytes, length, MSG_NOSIGNAL, (const struct sockaddr *)address, address_length);
  const int status = sent < 0 ? -errno : 0;
  close(descriptor);
  return status;
}

// sendDatagram(socket: Buffer, message: Buffer): 0 or a negated errno
//
// A name that begins with '@' is that of an abstract socket: unix(7), sd_notify(3).
napi_value send_datagram_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 2, name_length, length;
  napi_value arguments[2], result;
  void *name, *bytes;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_buffer_info(env, arguments[0], &name, &name_length));
  TRY(env, napi_get_buffer_info(env, arguments[1], &bytes, &length));
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int status;
  if (name_length == 0) {
    status = -EINVAL;
  } else if (name_length >= sizeof address.sun_path) {
    status = -ENAMETOOLONG;
  } else {
    memcpy(address.sun_path, name, name_length);
    if (address.sun_path[0] == '@') address.sun_path[0] = 0;
    // An abstract name is as long as is said, a path ends where it ends.
    status = send_datagram(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length), bytes, length);
  }
  TRY(env, napi_create_int32(env, status, &result));
  return result;
}
