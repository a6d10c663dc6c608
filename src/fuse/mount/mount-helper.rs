//! Connects the descriptor 3, an open /dev/fuse, to a new mount, and ends.
//!
//!     mount-helper MOUNT_POINT OPTIONS     mount-helper --check
//!
//! The set-uid program fusermount3 opens the device a second time, mounts, and sends that
//! descriptor over a socket. FUSE_DEV_IOC_CLONE then attaches its connection to descriptor 3, which
//! this process shares with the one that has started it. Messages go to stderr; the exit status is
//! that of fusermount3, or one of the constants below.
//!
//! The standard library only, so that any rustc compiles it without a network.

use std::io::ErrorKind;
use std::os::raw::{c_int, c_ulong, c_void};
use std::os::unix::io::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{exit, Command};

const DEVICE: c_int = 3;

const NOT_CONNECTED: i32 = 125;
const NOT_PERMITTED: i32 = 126;
const MISSING: i32 = 127;

const F_SETFD: c_int = 2;
const SCM_RIGHTS: c_int = 1;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;

// _IOR(229, 0, uint32_t); the direction has other bits on these processors (asm/ioctl.h).
#[cfg(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc64"
))]
const FUSE_DEV_IOC_CLONE: c_ulong = 0x4004_e500;
#[cfg(not(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc64"
)))]
const FUSE_DEV_IOC_CLONE: c_ulong = 0x8004_e500;

#[repr(C)]
struct IoVec {
    base: *mut c_void,
    length: usize,
}

#[repr(C)]
struct MessageHeader {
    name: *mut c_void,
    name_length: u32,
    parts: *mut IoVec,
    part_count: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_int,
}

#[repr(C)]
struct ControlMessage {
    length: usize,
    level: c_int,
    kind: c_int,
    descriptor: c_int,
}

extern "C" {
    fn recvmsg(socket: c_int, message: *mut MessageHeader, flags: c_int) -> isize;
    fn fcntl(descriptor: c_int, command: c_int, ...) -> c_int;
    fn ioctl(descriptor: c_int, request: c_ulong, ...) -> c_int;
}

fn main() {
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [word] if word == "--check" => println!("ready"),
        [mount_point, options] => mount(mount_point, options),
        _ => fail(2, "usage: mount-helper MOUNT_POINT OPTIONS"),
    }
}

fn mount(mount_point: &std::ffi::OsStr, options: &std::ffi::OsStr) {
    let (ours, theirs) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => fail(NOT_CONNECTED, &format!("socketpair: {}", error)),
    };
    // Theirs is inherited; ours closes itself.
    if unsafe { fcntl(theirs.as_raw_fd(), F_SETFD, 0 as c_int) } < 0 {
        fail(NOT_CONNECTED, "fcntl failed");
    }
    let mut fusermount = Command::new("fusermount3");
    fusermount.arg("-o").arg(options).arg("--").arg(mount_point);
    fusermount.env("_FUSE_COMMFD", theirs.as_raw_fd().to_string());
    let mut child = match fusermount.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fail(MISSING, "fusermount3 is missing")
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fail(NOT_PERMITTED, "this user may not run fusermount3")
        }
        Err(error) => fail(NOT_CONNECTED, &format!("fusermount3: {}", error)),
    };
    // So that a child that ends without a message ends the wait for it.
    drop(theirs);
    let connected = receive_descriptor(ours.as_raw_fd());
    match child.wait() {
        Ok(status) if status.success() => {}
        // fusermount3 has said why.
        Ok(status) => exit(status.code().unwrap_or(NOT_CONNECTED)),
        Err(error) => fail(NOT_CONNECTED, &format!("fusermount3: {}", error)),
    }
    let problem = match connected {
        None => "fusermount3 sent no descriptor".to_string(),
        Some(descriptor) => {
            let old = descriptor as u32;
            if unsafe { ioctl(DEVICE, FUSE_DEV_IOC_CLONE, &old as *const u32) } == 0 {
                return;
            }
            format!("FUSE_DEV_IOC_CLONE: {}", std::io::Error::last_os_error())
        }
    };
    // Nobody would ever serve it.
    let _ = Command::new("fusermount3")
        .args(["-u", "-z", "--"])
        .arg(mount_point)
        .status();
    fail(NOT_CONNECTED, &problem);
}

/// None where the socket ends without one.
fn receive_descriptor(socket: c_int) -> Option<c_int> {
    let mut byte = 0u8;
    let mut part = IoVec {
        base: &mut byte as *mut u8 as *mut c_void,
        length: 1,
    };
    let mut control = ControlMessage {
        length: 0,
        level: 0,
        kind: 0,
        descriptor: -1,
    };
    let control_bytes = std::mem::size_of::<ControlMessage>();
    let mut message = MessageHeader {
        name: std::ptr::null_mut(),
        name_length: 0,
        parts: &mut part,
        part_count: 1,
        control: &mut control as *mut ControlMessage as *mut c_void,
        control_length: control_bytes,
        flags: 0,
    };
    let received = loop {
        let received = unsafe { recvmsg(socket, &mut message, MSG_CMSG_CLOEXEC) };
        if received >= 0 || std::io::Error::last_os_error().kind() != ErrorKind::Interrupted {
            break received;
        }
    };
    let header_bytes = std::mem::size_of::<usize>() + 2 * std::mem::size_of::<c_int>();
    let is_descriptor = received > 0
        && message.control_length >= header_bytes + std::mem::size_of::<c_int>()
        && control.kind == SCM_RIGHTS;
    if is_descriptor && control.descriptor >= 0 {
        Some(control.descriptor)
    } else {
        None
    }
}

fn fail(status: i32, message: &str) -> ! {
    eprintln!("mount-helper: {}", message);
    exit(status)
}
