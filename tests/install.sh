#!/bin/sh
# Installs Debian packages, as root, so that nothing which they bring is started or enabled: tests need programs, not
# services. What ran or was enabled before stays so.
set -eu

policy=/usr/sbin/policy-rc.d
mark='# Left by an installation of packages for tests; safe to remove.'

# The links that make systemd or init start something with the machine.
enabled() {
    for kind in wants requires; do find /etc/systemd/system -path "*.$kind/*" -type l; done 2>/dev/null
    find /etc/rc?.d -name 'S*' -type l 2>/dev/null
}

# Those services in question that systemd runs. No other init starts any by itself.
running() {
    if [ ! -d /run/systemd/system ]; then return; fi
    for unit in rabbitmq-server.service epmd.socket epmd.service; do
        if systemctl is-active --quiet "$unit"; then echo "$unit"; fi
    done
}

before=$(mktemp -d)
enabled | sort >"$before/enabled"
running | sort >"$before/running"

as_before() {
    enabled | sort | comm -13 "$before/enabled" - | while read -r link; do
        name=${link##*/}
        case $link in
        /etc/rc*) update-rc.d "${name#S??}" disable ;;
        *) rm -f "$link" ;; # all that `systemctl disable` does, which is not on every machine
        esac
    done
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    running | sort | comm -13 "$before/running" - | while read -r unit; do systemctl stop "$unit"; done
    if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
    rm -rf "$before"
}
trap as_before EXIT
trap 'exit 130' HUP INT TERM

# 101 forbids every start. Someone else's policy is left alone; our own may be there from an installation that was killed.
if [ ! -e "$policy" ] || grep -qsF "$mark" "$policy"; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo 'install.sh: some package lists could not be updated; trying with those there are'
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -- "$@"
