// SPDX-License-Identifier: MIT
#include "tls/setup.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <utility>

namespace goro::detail {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::system_error(take_setup_error(), "goro: tls_config: " + what);
}

// Never asks on the terminal for what an encrypted key is locked with.
int no_password(char*, int, int, void*) noexcept { return -1; }

bool is_text(std::string_view pem) noexcept { return pem.find("-----BEGIN") != std::string_view::npos; }

// For messages: text may be a key, and is not shown.
std::string shown(const std::string& pem) { return is_text(pem) ? "PEM text" : '"' + pem + '"'; }

owned<BIO> open(const std::string& pem, const char* what) {
  owned<BIO> in(is_text(pem) ? BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))
                             : BIO_new_file(pem.c_str(), "r"));
  if (in == nullptr) refuse(std::string(what) + " cannot be read: " + shown(pem));
  return in;
}

std::vector<owned<X509>> read_certificates(const std::string& pem, const char* what) {
  const owned<BIO> in = open(pem, what);
  std::vector<owned<X509>> all;
  while (X509* const one = PEM_read_bio_X509_AUX(in.get(), nullptr, no_password, nullptr))
    all.emplace_back(one);
  if (all.empty()) refuse(std::string(what) + ": no certificate in " + shown(pem));
  ERR_clear_error();  // "no start line" is how it says that there are no more
  return all;
}

tls_identity read_identity(const net::tls_certificate& from) {
  tls_identity one;
  one.chain = read_certificates(from.chain, "certificate");
  one.certificate = std::move(one.chain.front());
  one.chain.erase(one.chain.begin());
  const owned<BIO> in = open(from.key, "key");
  one.key.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  if (one.key == nullptr) refuse("key: no unencrypted private key in " + shown(from.key));
  if (X509_check_private_key(one.certificate.get(), one.key.get()) != 1)
    refuse("the key of " + shown(from.key) + " is not that of the certificate of " + shown(from.chain));
  return one;
}

// With what it refers to counted for the SSL or SSL_CTX that takes it.
template <class Use>
void use_identity(const tls_identity& one, Use use) {
  STACK_OF(X509)* const chain = sk_X509_new_null();
  for (const owned<X509>& each : one.chain) sk_X509_push(chain, each.get());
  const int used = use(one.certificate.get(), one.key.get(), chain);
  sk_X509_free(chain);
  if (used != 1) refuse("the certificate cannot be used");
}

std::string wire_of(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& each : protocols) {
    if (each.empty() || each.size() > 255)
      throw std::invalid_argument(
          "goro: tls_config: a protocol's name has no or too many characters; 1 to 255 are allowed");
    wire += static_cast<char>(each.size());
    wire += each;
  }
  return wire;
}

int number_of(net::tls_version v) noexcept {
  return v == net::tls_version::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void* setup) noexcept {
  const std::string& own = static_cast<const tls_setup*>(setup)->alpn;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(own.data()),
                            static_cast<unsigned int>(own.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int choose_certificate(SSL* ssl, int*, void* setup) noexcept {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const tls_identity* const one = static_cast<const tls_setup*>(setup)->identity_for(name);
  if (one == nullptr) return SSL_TLSEXT_ERR_OK;  // the first one is in use
  try {
    use_identity(*one, [ssl](X509* x, EVP_PKEY* k, STACK_OF(X509) * c) {
      return SSL_use_cert_and_key(ssl, x, k, c, 1);
    });
  } catch (const std::exception&) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  return SSL_TLSEXT_ERR_OK;
}

// The system's roots are the same for all.
X509_STORE* system_store() {
  static X509_STORE* const one = [] {
    X509_STORE* const made = X509_STORE_new();
    if (made != nullptr) X509_STORE_set_default_paths(made);
    return made;
  }();
  if (one == nullptr || X509_STORE_up_ref(one) != 1) throw std::bad_alloc();
  return one;
}

owned<SSL_CTX> make_context(const net::tls_options& options, const tls_setup& setup, bool server) {
  owned<SSL_CTX> made(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (made == nullptr) refuse("OpenSSL has no context to give");
  SSL_CTX* const ctx = made.get();
  if (SSL_CTX_set_min_proto_version(ctx, number_of(options.min_version)) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, number_of(options.max_version)) != 1)
    refuse("versions");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(ctx, &no_password);

  const bool roots = options.system_roots && !server;
  if (roots && options.authorities.empty()) {
    SSL_CTX_set_cert_store(ctx, system_store());
  } else {
    X509_STORE* const store = SSL_CTX_get_cert_store(ctx);
    if (roots) X509_STORE_set_default_paths(store);
    if (!options.authorities.empty()) {
      for (const owned<X509>& each : read_certificates(options.authorities, "authorities")) {
        X509_STORE_add_cert(store, each.get());
        if (server) SSL_CTX_add_client_CA(ctx, each.get());
      }
    }
  }

  if (!setup.identities.empty())
    use_identity(setup.identities.front(), [ctx](X509* x, EVP_PKEY* k, STACK_OF(X509) * c) {
      return SSL_CTX_use_cert_and_key(ctx, x, k, c, 1);
    });

  const auto* const wire = reinterpret_cast<const unsigned char*>(setup.alpn.data());
  if (server) {
    static constexpr unsigned char session_name[] = {'g', 'o', 'r', 'o'};
    SSL_CTX_set_session_id_context(ctx, session_name, sizeof session_name);
    if (setup.identities.size() > 1) {
      SSL_CTX_set_tlsext_servername_callback(ctx, &choose_certificate);
      SSL_CTX_set_tlsext_servername_arg(ctx, const_cast<tls_setup*>(&setup));
    }
    if (!setup.alpn.empty())
      SSL_CTX_set_alpn_select_cb(ctx, &choose_protocol, const_cast<tls_setup*>(&setup));
    int mode = SSL_VERIFY_NONE;
    if (options.client_auth == net::tls_client_auth::request) mode = SSL_VERIFY_PEER;
    if (options.client_auth == net::tls_client_auth::require)
      mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, nullptr);
  } else {
    if (!setup.alpn.empty() &&
        SSL_CTX_set_alpn_protos(ctx, wire, static_cast<unsigned int>(setup.alpn.size())) != 0)
      refuse("protocols");
    SSL_CTX_set_verify(ctx, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  }
  return made;
}

}  // namespace

tls_setup::tls_setup(const net::tls_options& options)
    : server_name(options.server_name),
      verify(options.verify),
      client_auth(options.client_auth),
      alpn(wire_of(options.alpn)) {
  ERR_clear_error();
  if (options.min_version > options.max_version)
    throw std::invalid_argument(
        "goro: tls_config: min_version is above max_version; no version is allowed then");
  if (options.client_auth != net::tls_client_auth::none && options.authorities.empty())
    throw std::invalid_argument(
        "goro: tls_config: client_auth without authorities; say whose clients are let in");
  for (const net::tls_certificate& each : options.certificates) identities.push_back(read_identity(each));
  client = make_context(options, *this, false);
  if (has_certificate()) server = make_context(options, *this, true);
}

const tls_identity* tls_setup::identity_for(const char* name) const noexcept {
  if (name == nullptr) return nullptr;
  for (const tls_identity& each : identities)
    if (X509_check_host(each.certificate.get(), name, 0, 0, nullptr) == 1) return &each;
  return nullptr;
}

owned<SSL> tls_setup::make_client(std::string_view dialled) const {
  const std::string name(server_name.empty() ? dialled : std::string_view(server_name));
  if (name.empty() && verify)
    throw std::invalid_argument("goro: tls_client: no server_name to verify; set tls_options::server_name");
  ERR_clear_error();
  owned<SSL> made(SSL_new(client.get()));
  if (made == nullptr) throw std::bad_alloc();
  SSL_set_connect_state(made.get());
  if (name.empty()) return made;
  X509_VERIFY_PARAM* const param = SSL_get0_param(made.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1)
    return made;  // a number: no SNI, as the standard has it
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) != 1 ||
      SSL_set_tlsext_host_name(made.get(), name.c_str()) != 1)
    throw std::system_error(take_setup_error(), "goro: tls_client: server_name \"" + name + '"');
  return made;
}

owned<SSL> tls_setup::make_server() const {
  if (server == nullptr)
    throw std::invalid_argument("goro: tls_server: no certificate to show; set tls_options::certificates");
  ERR_clear_error();
  owned<SSL> made(SSL_new(server.get()));
  if (made == nullptr) throw std::bad_alloc();
  SSL_set_accept_state(made.get());
  return made;
}

}  // namespace goro::detail

namespace goro::net {

tls_config::tls_config() {
  static const tls_config* const one = new tls_config(tls_options());
  setup_ = one->setup_;
}

tls_config::tls_config(const tls_options& options)
    : setup_(std::make_shared<goro::detail::tls_setup>(options)) {}

}  // namespace goro::net
