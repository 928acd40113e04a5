#!/bin/sh
# What the container runs: entrypoint.sh [COMMAND of ec2-emulator, `start` unless told].
# `url` prints where the emulator answers inside the container, `healthy` asks it.
set -eu

init=/etc/localstack/init
tools=/opt/ec2-emulator/lib/ec2-emulator/guest-tools

say() {
    echo "entrypoint: $*" >&2
}

# setting NAME: an environment variable, or the same one with the prefix LOCALSTACK_.
setting() {
    eval "printf %s \"\${$1:-\${LOCALSTACK_$1:-}}\""
}

url() {
    first=$(setting GATEWAY_LISTEN)
    first=${first%%,*}
    port=${first##*:}
    host=${first%:*}
    case $host in
        "" | "$port" | 0.0.0.0 | "[::]" | ::) host=127.0.0.1 ;;
    esac
    echo "http://$host:${port:-4566}"
}

# A socket that this user may not use is told here, with the way out, which needs a number
# that only somebody inside can see.
check_socket() {
    socket=$(setting DOCKER_HOST)
    socket=${socket:-unix:///var/run/docker.sock}
    case $socket in
        unix://*) socket=${socket#unix://} ;;
        *) return 0 ;;
    esac
    managers=$(setting EC2_VM_MANAGER | tr -d ' ')
    case ,$managers, in
        ,,) wanted=maybe ;;
        *,docker,*) wanted=yes ;;
        *) return 0 ;;
    esac
    if ! [ -S "$socket" ]; then
        [ $wanted = yes ] || return 0
        say "EC2_VM_MANAGER=$managers needs the Docker engine's socket:" \
            "docker run -v /var/run/docker.sock:$socket ..."
        return 1
    fi
    [ -r "$socket" ] && [ -w "$socket" ] && return 0
    say "user $(id -u) may not use $socket, which belongs to group $(stat -c %g "$socket"):" \
        "docker run --group-add $(stat -c %g "$socket") ..., or run as root"
    [ $wanted = maybe ]
}

check_directories() {
    if ! [ -w /var/lib/localstack ]; then
        say "/var/lib/localstack cannot be written to: give it a volume" \
            "(docker run -v ec2-emulator:/var/lib/localstack ...) that user $(id -u) may write to"
        return 1
    fi
    # Below a read-only root there may be no other place for what is only for a while.
    if ! [ -w "${TMPDIR:-/tmp}" ]; then
        mkdir -p /var/lib/localstack/tmp
        export TMPDIR=/var/lib/localstack/tmp
    fi
}

# Alphabetically, a directory's own scripts before those below it. One that fails is told
# and does not keep the others from running.
run_boot_scripts() {
    for script in "$1"/*; do
        [ -f "$script" ] || continue
        case $script in
            *.sh) set -- "$1" "$script" ;;
            *.py) set -- "$1" python3 "$script" ;;
            *) continue ;;
        esac
        say "running $script"
        directory=$1
        shift
        status=0
        "$@" || status=$?
        [ "$status" -eq 0 ] || say "$script failed with exit status $status"
        set -- "$directory"
    done
    for directory in "$1"/*/; do
        # In a shell of its own: the loop's variables are this function's, too.
        [ -d "$directory" ] && (run_boot_scripts "${directory%/}")
    done
    return 0
}

case ${1:-start} in
    url)
        url
        ;;
    healthy)
        exec "$tools/busybox" wget -q -O /dev/null "$(url)/_localstack/health"
        ;;
    start)
        check_socket
        check_directories
        directory=$(setting INIT_DIRECTORY)
        run_boot_scripts "${directory:-$init}/boot.d"
        exec ec2-emulator start
        ;;
    *)
        exec ec2-emulator "$@"
        ;;
esac
