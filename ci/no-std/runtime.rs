//! The parts that a program on Linux (x86-64) needs instead of libc and std.

use core::arch::{asm, global_asm};

// The kernel puts the number of arguments at the top of the stack, and does not align the stack as the calling
// convention requires.
global_asm!(
    ".globl _start",
    "_start:",
    "mov rdi, [rsp]",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);

extern "C" fn start(arguments: usize) -> ! {
    exit(crate::main(arguments))
}

/// Differs from every status that `main` returns.
pub const PANICKED: i32 = 101;

pub fn exit(status: i32) -> ! {
    const SYS_EXIT_GROUP: i32 = 231;
    // SAFETY: exit_group takes one integer, touches no memory and does not return.
    unsafe {
        asm!("syscall", in("eax") SYS_EXIT_GROUP, in("edi") status, options(noreturn, nostack))
    }
}

// The compiler inserts calls of these four functions. On targets without an operating system Rust's compiler_builtins
// has them; on this one libc should. They use string instructions, because the compiler turns a loop over bytes into a
// call of the function that contains it.

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller promises `count` readable bytes at `from` and writable ones at `to`, not overlapping.
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") count => _,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: upwards, no byte is overwritten before it has been read.
        return unsafe { memcpy(to, from, count) };
    }
    // SAFETY: downwards, from the last byte; `count` is not 0 here, and the direction flag is put back.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rdi") to.add(count - 1) => _, inout("rsi") from.add(count - 1) => _,
            inout("rcx") count => _, options(nostack));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller promises `count` writable bytes at `to`.
    unsafe {
        asm!("rep stosb", inout("rdi") to => _, in("al") byte as u8, inout("rcx") count => _,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    let (mut last_a, mut last_b, equal): (*const u8, *const u8, u8);
    // SAFETY: the caller promises `count` readable bytes at both; the comparison stops after the first that differs.
    unsafe {
        asm!("cmp rcx, rcx", "repe cmpsb", "sete {equal}", equal = out(reg_byte) equal, inout("rsi") a => last_a,
            inout("rdi") b => last_b, inout("rcx") count => _, options(nostack, readonly));
        if equal != 0 {
            return 0;
        }
        last_a = last_a.sub(1);
        last_b = last_b.sub(1);
        i32::from(*last_a) - i32::from(*last_b)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract; the result is only zero or not.
    unsafe { memcmp(a, b, count) }
}

// The precompiled core was built with unwinding and refers to these two. Nothing calls them: `panic` exits.

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    exit(PANICKED)
}
