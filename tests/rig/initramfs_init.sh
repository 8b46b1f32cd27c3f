#!/bin/sh
# PID 1 of the initramfs: put the read-only root image under a throw-away overlay, then hand over to
# guest_init.sh, which comes from the host through the control share (so changing it rebuilds nothing).
# Any failing step ends this script; PID 1 gone is a kernel panic, which ends QEMU and is on the console.
set -e
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk squashfs overlay 9pnet_virtio 9p

# virtio_blk answers from a work queue: its node may be a moment later than modprobe's return.
tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "rig: no /dev/vda after 10 s"; exit 1; }
    sleep 0.1
done

mount -t squashfs -o ro /dev/vda /lower
mount -t tmpfs -o mode=0755,size=90% overlay /upper
mkdir /upper/root /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/root,workdir=/upper/work overlay /new
cp -a /lib/modules /new/usr/lib/
mkdir -p /new/run/rig
mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072,cache=none rig-control /new/run/rig
mount --move /dev /new/dev
mount --move /proc /new/proc
mount --move /sys /new/sys
exec switch_root /new /bin/sh /run/rig/guest_init.sh
