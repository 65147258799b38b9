#!/bin/sh
# Installs Debian packages, as root, so that nothing which they bring is started or enabled: a test needs programs, not
# services. What ran or was enabled before stays so.
set -eu

policy=/usr/sbin/policy-rc.d
mark='# Left by an installation of packages for tests; safe to remove.'

# The links that make systemd or init start something with the machine.
enabled() {
    find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null || true
    find /etc/systemd/system -path '*.requires/*' -type l 2>/dev/null || true
    find /etc/rc?.d -name 'S*' -type l 2>/dev/null || true
}

is_running() {
    if [ -d /run/systemd/system ]; then
        systemctl is-active --quiet "$1"
    else
        service "$1" status >/dev/null 2>&1
    fi
}

before=$(mktemp)
cleanup() {
    rm -f "$before"
    if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM

enabled | sort >"$before"
ran=' '
for service in rabbitmq-server epmd epmd.socket; do
    if is_running "$service"; then ran="$ran$service "; fi
done

# 101 forbids every start. Someone else's policy is left alone; our own may be there from an installation that was killed.
if [ ! -e "$policy" ] || grep -qsF "$mark" "$policy"; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo 'install.sh: some package lists could not be updated; trying with those there are'
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -- "$@"

for service in rabbitmq-server epmd epmd.socket; do
    case $ran in *" $service "*) continue ;; esac
    if is_running "$service"; then
        if [ -d /run/systemd/system ]; then systemctl stop "$service"; else service "$service" stop; fi
    fi
done
enabled | sort | comm -13 "$before" - | while read -r link; do
    name=${link##*/}
    case $link in
    /etc/rc*) update-rc.d "${name#S??}" disable ;;
    *) deb-systemd-helper disable "$name" >/dev/null ;;
    esac
done
left=$(enabled | sort | comm -13 "$before" -)
if [ -n "$left" ]; then
    printf 'install.sh: these would start with the machine, and did not before:\n%s\n' "$left"
    exit 1
fi
