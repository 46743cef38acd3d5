// In the place of a service manager: receives the datagrams that are sent to NOTIFY_SOCKET, which is its argument ('@'
// begins the name of an abstract socket), and prints each as one line: the sender's pid, then its lines, between tabs.
// With any second argument it reads none of them.
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count < 2 || strlen(arguments[1]) >= sizeof address.sun_path) return 2;
  memcpy(address.sun_path, arguments[1], strlen(arguments[1]));
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(arguments[1]));
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0), yes = 1;
  if (setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0) return 1;
  if (bind(descriptor, (struct sockaddr *)&address, length) != 0) return 1;
  puts("bound");
  fflush(stdout);
  if (count > 2) pause();
  for (;;) {
    char text[4096], control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    const ssize_t received = recvmsg(descriptor, &message, 0);
    if (received < 0) return 1;
    text[received] = 0;
    for (char *at = text; (at = strchr(at, '\n')) != NULL;) *at = '\t';
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof sender);
    printf("%d\t%s\n", (int)sender.pid, text);
    fflush(stdout);
  }
}
