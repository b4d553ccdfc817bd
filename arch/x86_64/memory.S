/* Blocks of memory, in string instructions: what the kernel uses in place of libc-min's memory.c.
 *
 * The kernel copies seldom and never much: parts of messages, frames for the pager, modules at boot. So the shortest code is right, not the one that starts
 * fastest. The direction flag is clear everywhere else: SYSCALL and every trap clear it (entry.S). */

        .text
        .global memcpy, memmove, memset

/* void *memmove(void *to, const void *from, size_t size_bytes): whole words, then the bytes that are left. */
memcpy:
memmove:
        mov %rdi, %rax
        mov %rdx, %rcx
        mov %rdi, %r8
        sub %rsi, %r8
        cmp %rdx, %r8
        jb 1f                           /* `to` begins within what is read: from the end */
        shr $3, %rcx
        rep movsq
        mov %edx, %ecx
        and $7, %ecx
        rep movsb
        ret
1:      lea -1(%rdi, %rdx), %rdi
        lea -1(%rsi, %rdx), %rsi
        std
        rep movsb
        cld
        ret

/* void *memset(void *to, int value, size_t size_bytes) */
memset:
        mov %rdi, %r8
        movzbl %sil, %esi
        movabs $0x0101010101010101, %rax
        imul %rsi, %rax
        mov %rdx, %rcx
        shr $3, %rcx
        rep stosq
        mov %edx, %ecx
        and $7, %ecx
        rep stosb
        mov %r8, %rax
        ret
