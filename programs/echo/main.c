/* echo: a server and a client in one image. Shows how two processes find each other by name and talk in words and in text.
 *
 * Started twice: `echo server` and `echo client`, in any order. The client asks, prints the replies and at the end tells the server to stop. */
#include "echo.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        return server_main();
    if (argc == 2 && strcmp(argv[1], "client") == 0)
        return client_main();
    printf("echo: usage: echo server | client\n");
    return 1;
}
