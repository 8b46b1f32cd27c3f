#!/bin/sh
# PID 1 of the User-Mode Linux guest: a throw-away layer over the machine's root folder, udev, then the one command.
# What the machine needs to know goes through the control folder: `ready`, `stdout`, `stderr`, and `exit` last of all.
control=$RIG_CONTROL
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

give_up() {
    echo "rig: $*" >>"$control/stderr"
    leave
}

leave() {
    sync
    echo o >/proc/sysrq-trigger
    sleep 60 # PID 1 must not end before the kernel does
}

mount_root() {
    # The layer is as large as the guest's memory: nothing that is written here reaches the machine's disk.
    mount -t tmpfs -o mode=0755,size=90% run /run
    mkdir /run/upper /run/work /run/new
    mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work root /run/new || return
    cd /run/new || return
    mkdir -p mnt
    pivot_root . mnt || return
    cd /
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t tmpfs -o mode=0755 run /run
    mkdir -p /run/rig/root /dev/pts /dev/shm
    # The machine's own /tmp stays reachable there: a checkout may lie in it.
    mount --bind / /run/rig/root
    mount -t tmpfs -o mode=1777,size=75% tmp /tmp
    mount -t devpts devpts /dev/pts
    mount -t tmpfs -o mode=1777 shm /dev/shm
    mkdir -p "$control"
    mount -t hostfs -o "$control" none "$control"
    mount -t cgroup2 cgroup /sys/fs/cgroup
    mount -t debugfs debugfs /sys/kernel/debug
    # What is written to the machine's folders is there at once, also of a guest that has to be killed.
    echo 20 >/proc/sys/vm/dirty_writeback_centisecs
    echo 20 >/proc/sys/vm/dirty_expire_centisecs
}

mount_shares() {
    # One line a share: MODE PATH, outermost first; a path may hold spaces.
    while read -r mode path; do
        mkdir -p "$path" 2>/dev/null
        if [ "$mode" = rw ]; then
            mount -t hostfs -o "$path" none "$path" || give_up "cannot mount $path"
        else
            mount --bind "/run/rig/root$path" "$path" || give_up "cannot mount $path"
        fi
    done <"$control/shares"
}

add_ordinary_user() {
    # In the layer's files, not in the machine's.
    echo 'bench:x:54321:54321:the rig:/tmp:/bin/sh' >>/etc/passwd
    echo 'bench:*:19000:0:99999:7:::' >>/etc/shadow
    echo 'bench:x:54321:' >>/etc/group
    grep -q '^plugdev:' /etc/group || echo 'plugdev:x:46:' >>/etc/group
    sed -i -e '/^plugdev:/s/[^:]$/&,/' -e '/^plugdev:/s/$/bench/' /etc/group
}

start_usb() {
    [ -d /sys/devices/platform/vhci_hcd.0 ] || give_up "no USB/IP host controller"
    /lib/systemd/systemd-udevd --daemon || give_up "no udev"
    udevadm trigger --action=add --type=subsystems --subsystem-match=usb
    udevadm trigger --action=add --subsystem-match=usb
    udevadm settle --timeout=30 || give_up "udev did not settle"
}

mount_root || { echo "rig: no layer over the machine's root"; exit 1; }
ip link set lo up
hostname rig
mount_shares
add_ordinary_user
start_usb
: >"$control/ready"
sh "$control/command.sh" </dev/null >>"$control/stdout" 2>>"$control/stderr"
echo "$?" >"$control/exit.part"
mv "$control/exit.part" "$control/exit"
leave
