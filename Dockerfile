# The emulator with what it needs and nothing else. scripts/image builds it, and refuses one
# that has grown past its limit. Nothing here wants BuildKit, or knows an architecture.
ARG BASE=debian:bookworm-slim

# The programs that every instance gets: static busybox, Dropbear and sftp-server.
FROM ${BASE} AS guest-tools
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    dpkg-dev gcc libc6-dev make
COPY scripts/guest-tools scripts/system-package /source/scripts/
RUN XDG_CACHE_HOME=/cache /source/scripts/guest-tools /guest-tools

# Wheels of what the emulator depends on; a change of the emulator alone does not come here.
FROM ${BASE} AS wheels
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    ca-certificates gcc libc6-dev libvirt-dev pkg-config python3-dev python3-pip
# Debian's own store, so that an authority that was added to it counts.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY pyproject.toml scripts/image-requirements ./
RUN python3 image-requirements pyproject.toml >/requirements.txt \
 && cat /requirements.txt \
 && pip wheel --wheel-dir /wheels --requirement /requirements.txt

FROM wheels AS icu
COPY scripts/image-icu ./
RUN ./image-icu /libicudata.so

FROM wheels AS environment
RUN apt-get install --yes --no-install-recommends binutils python3-venv
RUN python3 -m venv --without-pip /opt/ec2-emulator \
 && pip --python /opt/ec2-emulator/bin/python install --no-compile --no-index \
    --find-links /wheels --requirement /requirements.txt
COPY scripts/image-prune ./
RUN python3 image-prune /opt/ec2-emulator
COPY README.md LICENSE ./
COPY emulator emulator
RUN pip --python /opt/ec2-emulator/bin/python install --no-compile --no-deps . \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    /opt/ec2-emulator/lib/python3*/site-packages/emulator

FROM ${BASE}
COPY --from=icu /libicudata.so /opt/ec2-emulator/lib/
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    iproute2 libvirt0 nftables python3 tini \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old \
    /var/lib/dpkg/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
    /usr/lib/python3*/lib2to3 /usr/lib/python3*/pydoc_data /usr/lib/python3*/unittest \
 && for data in $(find /usr/lib -name 'libicudata.so.*' ! -type l); do \
        cp /opt/ec2-emulator/lib/libicudata.so "$data" || exit 1; \
    done \
 && rm -r /opt/ec2-emulator \
 && install --directory --mode=1777 /var/lib/localstack \
 && for stage in boot start ready shutdown; do \
        install --directory "/etc/localstack/init/$stage.d" || exit 1; \
    done
COPY --from=environment /opt/ec2-emulator /opt/ec2-emulator
COPY --from=guest-tools /guest-tools /opt/ec2-emulator/lib/ec2-emulator/guest-tools
COPY entrypoint.sh scripts/awslocal /usr/local/bin/
# What was taken out is not missed.
RUN /opt/ec2-emulator/bin/python3 -B -c 'import libvirt; \
    libvirt.open("test:///default").lookupByName("test").XMLDesc(); \
    from emulator.vm.libvirt.blocking_console import as_jpeg; \
    assert as_jpeg(b"P6 1 1 255 abc").startswith(b"\xff\xd8")' \
 && /opt/ec2-emulator/bin/aws --version \
 && tini --version && nft --version && ip -V
ARG VERSION=0
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="ec2-emulator" \
      org.opencontainers.image.description="Amazon EC2 on your own machine: the API on port 4566, real machines behind it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/opt/ec2-emulator/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 4566
VOLUME /var/lib/localstack
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["entrypoint.sh", "healthy"]
# tini reaps what is left of scripts; -s: also below another init (docker run --init).
ENTRYPOINT ["tini", "-s", "--", "entrypoint.sh"]
CMD ["start"]
