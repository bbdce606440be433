# syntax=docker/dockerfile:1
# `spendwatch serve` and nothing else: a static executable, the certificate authorities, no shell.
# docs/serve.md says how it is run.

FROM rust:1.95-alpine3.22 AS build
# A C compiler for the cryptography, and the certificate authorities for the image below.
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /source
COPY . .
# `abc1234 2026-11-30`, for --version: the history is not part of the context.
ARG SPENDWATCH_COMMIT=""
ENV RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=/source=/spendwatch --remap-path-prefix=/usr/local/cargo/registry/src=/crates"
RUN cargo build --release --locked --package cli --target x86_64-unknown-linux-musl \
 && install -D -m 0755 target/x86_64-unknown-linux-musl/release/spendwatch /image/usr/bin/spendwatch \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 1777 /image/tmp \
 && install -d -m 0700 /state/spendwatch

FROM scratch
COPY --from=build /image /
# Not all builders keep the owner of a folder unless they are told.
COPY --from=build --chown=65532:65532 /state /var/lib
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/spendwatch/
ENV SPENDWATCH_CONFIG=/etc/spendwatch \
    SPENDWATCH_STATE=/var/lib/spendwatch
USER 65532:65532
VOLUME ["/var/lib/spendwatch"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# The first evaluation may take a while; the check is that of /api/health.
HEALTHCHECK --interval=60s --timeout=15s --start-period=120s --retries=3 \
    CMD ["/usr/bin/spendwatch", "health"]
ENTRYPOINT ["/usr/bin/spendwatch"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--json-logs"]
