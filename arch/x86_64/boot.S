/* Both doors, from 32-bit protected mode without paging to long mode in the higher half.
 *
 * Multiboot2 Specification 3.3 (i386 machine state: eax magic, ebx boot information); PVH: Xen docs/misc/pvh.pandoc (ebx start structure). Either way edi
 * keeps the door's magic and esi the address. The tables made here map the first 4 GiB three times: at 0, at DIRECT_MAP and (first GiB) at KERNEL_BASE; they
 * last until paging.c has made the real ones. */
#include "layout.h"
#include "multiboot2.h"
#include "pvh.h"

        .section .boot.header, "a"
        .balign 8
header: .long MULTIBOOT2_HEADER_MAGIC, MULTIBOOT2_ARCHITECTURE_I386, header_end - header
        .long -(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_ARCHITECTURE_I386 + (header_end - header))
        .balign 8
        .short MULTIBOOT2_HEADER_TAG_MODULE_ALIGN, MULTIBOOT2_HEADER_TAG_REQUIRED
        .long 8
        .balign 8
        .short MULTIBOOT2_HEADER_TAG_END, 0
        .long 8
header_end:

        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 8, PVH_NOTE_TYPE
        .asciz "Xen"
        .quad boot_pvh

        .section .boot, "ax"
        .code32
        .global boot_multiboot2, boot_pvh
boot_pvh:
        mov $PVH_MAGIC, %edi
        jmp 1f
boot_multiboot2:
        mov %eax, %edi
1:      cld
        mov %ebx, %esi
        rdtsc
        mov %eax, boot_cycles
        mov %edx, boot_cycles + 4
        mov $boot_stack_top, %esp

        /* Long mode and NX, or a clear stop. CPUID: AMD64 manual vol. 3, E.4. */
        mov $0x80000000, %eax
        cpuid
        cmp $0x80000001, %eax
        jb no_long_mode
        mov $0x80000001, %eax
        cpuid
        bt $29, %edx
        jnc no_long_mode
        bt $20, %edx
        jnc no_nx

        /* Four page directories of 2 MiB leaves: 4 GiB. */
        mov $boot_directories, %edx
        mov $0x83, %eax
        xor %ecx, %ecx
2:      mov %eax, (%edx,%ecx,8)
        movl $0, 4(%edx,%ecx,8)
        add $0x200000, %eax
        inc %ecx
        cmp $2048, %ecx
        jne 2b
        mov $boot_pdpt, %edx
        mov $boot_directories + 3, %eax
        xor %ecx, %ecx
3:      mov %eax, (%edx,%ecx,8)
        add $4096, %eax
        inc %ecx
        cmp $4, %ecx
        jne 3b
        movl $boot_directories + 3, boot_pdpt_high + 510 * 8
        movl $boot_pdpt + 3, boot_root
        movl $boot_pdpt + 3, boot_root + DIRECT_MAP_ENTRY * 8
        movl $boot_pdpt_high + 3, boot_root + 511 * 8

        mov $0x20, %eax                 /* CR4.PAE */
        mov %eax, %cr4
        mov $boot_root, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx           /* EFER: LME, NXE, SCE */
        rdmsr
        or $0x901, %eax
        wrmsr
        mov $0x80010033, %eax           /* CR0: PG, WP, NE, ET, MP, PE */
        mov %eax, %cr0
        lgdt boot_gdt_pointer
        ljmp $SELECTOR_KERNEL_CODE, $boot_long

no_long_mode:
        mov $text_no_long_mode, %esi
        jmp stop
no_nx:  mov $text_no_nx, %esi
stop:   mov $0x3f8, %edx                /* first serial port, as the firmware left it */
4:      lodsb
        test %al, %al
        jz 5f
        out %al, %dx
        jmp 4b
5:      mov $0x11, %eax                 /* tells a QEMU with the debug-exit device; a harmless unused port elsewhere */
        out %eax, $0xf4
6:      cli
        hlt
        jmp 6b
text_no_long_mode: .asciz "[0.000000000] panic: this processor has no 64-bit mode; Quire for x86-64 needs one\n"
text_no_nx: .asciz "[0.000000000] panic: this processor has no NX (no-execute pages), or it is switched off in the firmware; Quire needs it\n"

        .balign 8
boot_gdt:
        .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
        .short 23
        .quad boot_gdt

        .code64
boot_long:
        mov $SELECTOR_KERNEL_DATA, %eax
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov boot_cycles, %rdx
        movabs $boot_high, %rax
        jmp *%rax

        .section .boot.bss, "aw", @nobits
        .balign 4096
        .global boot_root
boot_root: .skip 4096
boot_pdpt: .skip 4096
boot_pdpt_high: .skip 4096
boot_directories: .skip 4 * 4096
boot_cycles: .skip 8                    /* counter at the first instruction */
boot_stack: .skip 64
boot_stack_top:

        .text
boot_high:
        lea kernel_stack_top(%rip), %rsp
        mov %edi, %edi
        mov %esi, %esi
        call boot_start                 /* (magic, physical address, cycles at the entry) */
        .global boot_ends               /* where the return address on top of the stack points to at boot */
boot_ends:
        call kernel_map_release_boot
        jmp resume

        .section .stack, "aw", @nobits
        .balign 4096
        .global kernel_stack, kernel_stack_top
kernel_stack: .skip 4 * 4096
kernel_stack_top:
        .balign 4096
        .global special_stacks          /* for NMI, #DF, #MC, #DB: 4 KiB each */
special_stacks: .skip 4 * 4096
