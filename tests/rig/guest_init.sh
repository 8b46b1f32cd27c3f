#!/bin/sh
# PID 1 of the guest, started by initramfs_init.sh: shares, USB/IP host controllers, udev, then the one command.
# What the host needs to know goes through the control share, which nobody caches: `ready` (its time stamp is
# the host's, so the boot can be timed), `stdout`, `stderr`, and `exit` last of all.
control=/run/rig
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

give_up() {
    echo "rig: $*" >/dev/console
    echo "rig: $*" >>"$control/stderr"
    leave
}

leave() {
    sync
    umount -a -l -t 9p 2>/dev/null
    busybox reboot -f # QEMU runs with -no-reboot: this ends it at once, without an ACPI round trip
}

mount_shares() {
    # One line a share: TAG MODE PATH, outermost first; a path may hold spaces. Read-only shares do not change
    # while the guest lives, so they may be cached; of a writable one only memory maps are, and the host sees
    # every write at once, also those of a guest that it then has to kill.
    while read -r tag mode path; do
        cache=loose
        [ "$mode" = ro ] || cache=mmap
        mkdir -p "$path" 2>/dev/null
        mount -t 9p -o "trans=virtio,version=9p2000.L,msize=131072,cache=$cache,$mode" "$tag" "$path" ||
            give_up "cannot mount $path"
    done <"$control/shares"
}

start_usb() {
    modprobe -a vhci-hcd usbmon || give_up "no USB/IP host controller"
    /lib/systemd/systemd-udevd --daemon || give_up "no udev"
    udevadm trigger --action=add --type=subsystems --subsystem-match=usb
    udevadm trigger --action=add --subsystem-match=usb --subsystem-match=usbmon
    udevadm settle --timeout=30 || give_up "udev did not settle"
}

run_command() {
    # Through pipes, as on any terminal-less machine: /dev/stdout can be opened again, nothing truncates anything.
    mkfifo /run/rig-stdout /run/rig-stderr
    cat /run/rig-stdout >>"$control/stdout" &
    out=$!
    cat /run/rig-stderr >>"$control/stderr" &
    err=$!
    sh "$control/command.sh" </dev/null >/run/rig-stdout 2>/run/rig-stderr
    code=$?
    # What the command left behind may hold the pipes open for ever: it gets two seconds to let go.
    timeout 2 tail --pid="$out" --pid="$err" -f /dev/null
    echo "$code" >"$control/exit.part"
    mv "$control/exit.part" "$control/exit"
}

mount -t tmpfs -o mode=1777,size=75% tmp /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t debugfs debugfs /sys/kernel/debug
ip link set lo up
hostname rig
mount_shares
start_usb
: >"$control/ready"
run_command
leave
