# The image of the operator: two static programs, and the certificates of authorities.
#   docker build -t compose-operator:dev .
ARG BUILDER=rust:1.95-bookworm
FROM ${BUILDER} AS builder
WORKDIR /src
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
COPY src src
ARG TARGET=x86_64-unknown-linux-gnu
RUN rustup target add ${TARGET} \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target ${TARGET} \
    && install -D -t /out target/${TARGET}/release/compose-operator target/${TARGET}/release/kubectl-compose

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
