#include "etcd_wire.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace vouch::election::etcd {
namespace {

using EtcdJson = nlohmann::json;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789ABCDEF";

/// Fields of an object that may be left out. The first that is of another kind spoils the reader.
class Reader {
 public:
  explicit Reader(const EtcdJson* object) : object_(object) {
    is_good_ = object_ != nullptr && object_->is_object();
  }

  [[nodiscard]] const EtcdJson* find(const char* name) const {
    if (!is_good_) return nullptr;
    const auto found = object_->find(name);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }

  std::uint64_t number(const char* name) {
    const EtcdJson* const field = find(name);
    if (field == nullptr) return 0;
    if (field->is_number_unsigned()) return field->get<std::uint64_t>();
    std::optional<std::uint64_t> value;
    if (field->is_string()) value = read_number(field->get_ref<const std::string&>());
    is_good_ = is_good_ && value.has_value();
    return value.value_or(0);
  }

  bool flag(const char* name) {
    const EtcdJson* const field = find(name);
    if (field == nullptr) return false;
    is_good_ = is_good_ && field->is_boolean();
    return field->is_boolean() && field->get<bool>();
  }

  std::string text(const char* name) {
    const EtcdJson* const field = find(name);
    if (field == nullptr) return {};
    is_good_ = is_good_ && field->is_string();
    return field->is_string() ? field->get<std::string>() : std::string();
  }

  std::string bytes(const char* name) {
    std::optional<std::string> value = from_base64(text(name));
    is_good_ = is_good_ && value.has_value();
    return std::move(value).value_or(std::string());
  }

  /// The elements of an array; of none if it is left out.
  [[nodiscard]] std::vector<const EtcdJson*> elements(const char* name) {
    std::vector<const EtcdJson*> all;
    const EtcdJson* const field = find(name);
    if (field == nullptr) return all;
    is_good_ = is_good_ && field->is_array();
    if (!field->is_array()) return all;
    for (const EtcdJson& element : *field)
      all.push_back(&element);
    return all;
  }

  Header header() {
    Reader reader(find("header"));
    const Header header{reader.number("revision"), reader.number("raft_term")};
    is_good_ = is_good_ && reader.is_good();
    return header;
  }

  [[nodiscard]] bool is_good() const { return is_good_; }

 private:
  const EtcdJson* object_;
  bool is_good_ = false;
};

EtcdJson parse(std::string_view text) {
  return EtcdJson::parse(text.begin(), text.end(), nullptr, false);
}

std::optional<LeaseReply> lease_of(const EtcdJson* object) {
  Reader reader(object);
  LeaseReply reply{reader.header(), reader.number("ID"), 0};
  // -1 says the same as one that is left out.
  const EtcdJson* const ttl = reader.find("TTL");
  if (ttl != nullptr && *ttl != "-1") reply.ttl_s = reader.number("TTL");
  if (!reader.is_good() || reply.lease == 0 || reply.header.term == 0) return std::nullopt;
  return reply;
}

bool add_pairs(Reader& range, std::vector<Pair>& pairs) {
  for (const EtcdJson* const element : range.elements("kvs")) {
    Reader reader(element);
    Pair pair{reader.bytes("key"), reader.bytes("value"), reader.number("create_revision"),
              reader.number("lease")};
    if (!reader.is_good() || pair.created == 0) return false;
    pairs.push_back(std::move(pair));
  }
  return range.is_good();
}

std::string number_text(std::uint64_t number) {
  return '"' + std::to_string(number) + '"';
}

std::string field(std::string_view name, std::string_view bytes) {
  return '"' + std::string(name) + "\":\"" + base64(bytes) + '"';
}

}  // namespace

std::optional<LeaseReply> read_lease(std::string_view body) {
  const EtcdJson json = parse(body);
  return lease_of(&json);
}

std::optional<LeaseReply> read_keepalive(std::string_view body) {
  const EtcdJson json = parse(body);
  return lease_of(Reader(&json).find("result"));
}

std::optional<PairsReply> read_pairs(std::string_view body) {
  const EtcdJson json = parse(body);
  Reader reader(&json);
  PairsReply reply;
  reply.header = reader.header();
  reply.is_partial = reader.flag("more");
  if (!add_pairs(reader, reply.pairs)) return std::nullopt;
  if (reply.header.revision == 0 || reply.header.term == 0) return std::nullopt;
  return reply;
}

std::optional<PairsReply> read_transaction(std::string_view body) {
  const EtcdJson json = parse(body);
  Reader reader(&json);
  PairsReply reply;
  reply.header = reader.header();
  reply.succeeded = reader.flag("succeeded");
  for (const EtcdJson* const element : reader.elements("responses")) {
    Reader response(element);
    const EtcdJson* const range = response.find("response_range");
    if (range == nullptr) continue;
    Reader pairs(range);
    if (!add_pairs(pairs, reply.pairs)) return std::nullopt;
  }
  if (!reader.is_good() || reply.header.revision == 0) return std::nullopt;
  return reply;
}

std::optional<WatchLine> read_watch(std::string_view text) {
  const EtcdJson json = parse(text);
  const Reader outer(&json);
  WatchLine line;
  if (outer.find("error") != nullptr) {
    line.ending = read_error(text);
    return line;
  }
  Reader reader(outer.find("result"));
  line.created = reader.flag("created");
  for (const EtcdJson* const element : reader.elements("events")) {
    Reader event(element);
    line.has_deleted = line.has_deleted || event.text("type") == "DELETE";
    if (!event.is_good()) return std::nullopt;
  }
  if (reader.flag("canceled")) {
    line.ending = reader.text("cancel_reason");
    if (reader.number("compact_revision") != 0) *line.ending += " (compacted)";
  }
  if (!reader.is_good()) return std::nullopt;
  return line;
}

std::string read_error(std::string_view body) {
  const EtcdJson json = parse(body);
  Reader reader(&json);
  // In a stream's line the error is an object, elsewhere a text.
  const EtcdJson* const error = reader.find("error");
  if (error != nullptr && error->is_object()) return Reader(error).text("message");
  return error != nullptr ? reader.text("error") : reader.text("message");
}

std::optional<std::string> read_token(std::string_view body) {
  const EtcdJson json = parse(body);
  Reader reader(&json);
  std::string token = reader.text("token");
  if (!reader.is_good() || token.empty()) return std::nullopt;
  return token;
}

std::string authenticate_body(const std::string& user, const std::string& password) {
  const EtcdJson json{{"name", user}, {"password", password}};
  return json.dump(-1, ' ', false, EtcdJson::error_handler_t::replace);
}

std::string grant_body(std::uint64_t ttl_s) {
  return "{\"TTL\":" + number_text(ttl_s) + "}";
}

std::string lease_body(std::uint64_t lease) {
  return "{\"ID\":" + number_text(lease) + "}";
}

std::string range_body(std::string_view key, std::string_view end, std::uint64_t limit) {
  std::string body = "{" + field("key", key);
  if (!end.empty()) {
    body += "," + field("range_end", end) + R"(,"sort_order":"ASCEND","sort_target":"CREATE")";
  }
  if (limit != 0) body += ",\"limit\":" + number_text(limit);
  return body + "}";
}

std::string transaction_body(std::string_view key, std::uint64_t created,
                             const std::string& operation) {
  const std::string range = R"({"request_range":)" + range_body(key) + "}";
  return R"({"compare":[{"target":"CREATE","result":"EQUAL",)" + field("key", key) +
         ",\"create_revision\":" + number_text(created) + R"(}],"success":[)" + operation + "," +
         range + R"(],"failure":[)" + range + "]}";
}

std::string put_operation(std::string_view key, std::string_view value, std::uint64_t lease) {
  return R"({"request_put":{)" + field("key", key) + "," + field("value", value) +
         ",\"lease\":" + number_text(lease) + "}}";
}

std::string delete_operation(std::string_view key) {
  return R"({"request_delete_range":{)" + field("key", key) + "}}";
}

std::string watch_body(std::string_view key, std::uint64_t from_revision) {
  return R"({"create_request":{)" + field("key", key) +
         ",\"start_revision\":" + number_text(from_revision) + R"(,"filters":["NOPUT"]}})";
}

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool is_there = at + i < bytes.size();
      group = group << 8 | (is_there ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool is_there = at + i <= bytes.size();
      text += is_there ? kBase64[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
    ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::uint32_t group = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      const bool is_padding = i >= text.size() - padding;
      const std::size_t digit = is_padding ? 0 : kBase64.find(text[i]);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (int shift = 16; shift >= 0; shift -= 8)
      bytes += static_cast<char>(static_cast<unsigned char>(group >> shift & 255U));
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f && c != '%' && c != '/') {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      plain += text[at];
      continue;
    }
    if (text.size() - at < 3) return std::nullopt;
    const std::optional<std::uint64_t> byte = read_number(text.substr(at + 1, 2), 16);
    if (!byte) return std::nullopt;
    plain += static_cast<char>(static_cast<unsigned char>(*byte));
    at += 2;
  }
  return plain;
}

std::optional<std::uint64_t> read_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

}  // namespace vouch::election::etcd
