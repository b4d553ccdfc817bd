/* hello: the smallest program. Shows main with arguments, printf, and that the exit status is what main returns. */
#include <stdio.h>

int main(int argc, char *argv[])
{
    printf("hello: greetings from user mode\n");
    for (int i = 0; i < argc; i++)
        printf("hello: argument %d is %s\n", i, argv[i]);
    return 0;
}
