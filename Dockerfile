# The image of the operator: two static programs, and the certificates of authorities. hack/image makes the same one without
# Docker, and reads its settings from here.
#   docker build -t compose-operator:dev .
ARG BUILDER=rust:1.95-bookworm
FROM ${BUILDER} AS builder
WORKDIR /src
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
COPY src src
# For the machine that builds: for another architecture, the builder is run as that one (docker buildx --platform). A target
# that is named keeps the flag from build scripts and macros, which cannot be static.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bins --target "$target" \
    && install -D -t /out "target/$target/release/compose-operator" "target/$target/release/kubectl-compose"

FROM scratch
LABEL org.opencontainers.image.title="compose-operator" \
      org.opencontainers.image.description="Runs Docker Compose applications on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /out/ /
# The authorities that registries are trusted by.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/compose-operator"]
CMD ["run"]
