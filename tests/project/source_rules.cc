#include "tests/project/source_rules.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <utility>

namespace vouch::testing {
namespace {

struct Ban {
  const char* pattern;
  const char* why;
};

constexpr std::array kNondeterminism{
    Ban{R"(_clock::now)", "reads a clock"},
    Ban{R"(\b(system|steady|high_resolution)_clock\b)", "names a real clock"},
    Ban{R"(\brandom_device\b)", "reads entropy"},
    Ban{R"(\bs?rand\s*\()", "uses global randomness"},
    Ban{R"(_distribution\b)", "uses a distribution that differs between libraries"},
    Ban{R"(\bmt19937)", "uses a generator other than Rng"},
    Ban{R"(\bunordered_)", "uses a container without a defined order"},
    Ban{R"(\bgetenv\b)", "reads the environment"},
    Ban{R"(\bstd::(j?thread|async)\b)", "starts a thread"},
    Ban{R"(\bsleep|\busleep|\bnanosleep)", "sleeps"},
};

constexpr std::array kCoreBans{
    Ban{R"(\bstd::(recursive_|shared_|timed_)?mutex\b)", "takes a lock"},
    Ban{R"(\bcondition_variable\b)", "waits for a thread"},
    Ban{R"(\bstd::function\b)", "calls back; return an action instead"},
    Ban{R"(\bthrow\b)", "throws; return a Result"},
    Ban{R"(\bcatch\s*\()", "catches; the core has no exceptions"},
    Ban{R"(#\s*include\s*<(iostream|fstream|filesystem|thread|mutex|random|future)>)",
        "includes what only the edges may"},
    Ban{R"(\b(fopen|freopen|popen|socket|recvfrom|sendto)\s*\()", "does I/O"},
    Ban{R"(\bstd::(cout|cerr|clog|cin|ifstream|ofstream|fstream)\b)", "does I/O"},
    Ban{R"(\bboost\b)", "uses Boost"},
    Ban{R"(\bnlohmann\b)", "uses a JSON library"},
};

// Built from halves, so that this file does not break its own rule.
constexpr std::array kLeftovers{
    Ban{"\\bFIX"
        "ME\\b",
        "a note to oneself"},
    Ban{"\\bTO"
        "DO\\b",
        "a note to oneself"},
    Ban{"\\bXX"
        "X\\b",
        "a note to oneself"},
    Ban{"(^|[^\\w./}$*-])/(wo"
        "rk|tm"
        "p|ro"
        "ot|ho"
        "me)(/|\\b)",
        "a path of somebody's machine"},
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

template <typename Bans>
void find_bans(std::string_view text, const Bans& bans, std::vector<Finding>& findings) {
  const std::vector<std::string_view> lines = lines_of(text);
  for (const Ban& ban : bans) {
    const std::regex pattern(ban.pattern);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i].begin(), lines[i].end(), pattern)) {
        findings.push_back({i + 1, ban.why});
      }
    }
  }
}

/// Where a comment or literal that begins at `at` ends, one past its last character.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "//") return std::min(text.find('\n', at), text.size());
  if (text.substr(at, 2) == "/*") {
    const std::size_t end = text.find("*/", at + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
  }
  if (text.substr(at, 2) == "R\"") {
    const std::size_t open = text.find('(', at);
    if (open == std::string_view::npos) return text.size();
    const std::string close = ")" + std::string(text.substr(at + 2, open - at - 2)) + "\"";
    const std::size_t end = text.find(close, open);
    return end == std::string_view::npos ? text.size() : end + close.size();
  }
  for (std::size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[at]) {
      return i + 1;
    }
  }
  return at + 1;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool starts_quoted(std::string_view text, std::size_t at) {
  const std::string_view two = text.substr(at, 2);
  if (two == "//" || two == "/*" || text[at] == '"') return true;
  const bool after_word = at > 0 && is_word(text[at - 1]);
  // Within a word a quote separates digits (1'000), and an R is a letter like any other.
  return !after_word && (text[at] == '\'' || two == "R\"");
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1));
}

/// What the text between the last `;`, `{` or `}` and a `{` at the level of declarations opens.
enum class Opens { kScope, kFunction, kValue };

Opens what_opens(const std::string& head) {
  static const std::regex scope(R"(^(template\s*<[^{]*>\s*)*(inline\s+)?(typedef\s+)?)"
                                R"((class|struct|union|enum|namespace|extern)\b)");
  static const std::regex value(R"(^[^(]*[^=!<>(]=[^=])");
  static const std::regex access(R"(^((public|private|protected)\s*:\s*)+)");
  const std::string declaration = std::regex_replace(head, access, "");
  if (declaration.empty() || std::regex_search(declaration, scope)) return Opens::kScope;
  if (declaration.find("operator") == std::string::npos && std::regex_search(declaration, value)) {
    return Opens::kValue;
  }
  return declaration.find('(') == std::string::npos ? Opens::kValue : Opens::kFunction;
}

/// One past the brace that closes the one at `open`.
std::size_t closing_brace(std::string_view code, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return i + 1;
  }
  return code.size();
}

/// A constructor may initialise members with braces before its body: `: a_{1}, b_{2} {`.
std::size_t end_of_function(std::string_view code, std::size_t open) {
  std::size_t end = closing_brace(code, open);
  while (true) {
    const std::size_t next = code.find_first_not_of(" \t\n", end);
    if (next == std::string_view::npos || (code[next] != ',' && code[next] != '{')) return end;
    const std::size_t brace = code.find('{', next);
    if (brace == std::string_view::npos) return end;
    end = closing_brace(code, brace);
  }
}

/// Preprocessor lines, with their continuations, blanked out.
std::string without_preprocessor(std::string code) {
  bool inside = false;
  std::size_t at = 0;
  while (at < code.size()) {
    const std::size_t end = std::min(code.find('\n', at), code.size());
    const std::size_t first = code.find_first_not_of(" \t", at);
    inside = inside || (first < end && code[first] == '#');
    if (inside) {
      inside = end > at && code[end - 1] == '\\';
      std::fill(code.begin() + static_cast<std::ptrdiff_t>(at),
                code.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    }
    at = end + 1;
  }
  return code;
}

std::size_t line_at(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

/// Characters, not bytes: UTF-8 continuation bytes do not take a column.
std::size_t columns_of(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

std::string without_comments_and_literals(std::string_view text) {
  std::string out(text);
  std::size_t at = 0;
  while (at < text.size()) {
    if (!starts_quoted(text, at)) {
      ++at;
      continue;
    }
    const std::size_t end = end_of_quoted(text, at);
    for (std::size_t i = at; i < end; ++i) {
      if (text[i] != '\n') out[i] = ' ';
    }
    at = end;
  }
  return out;
}

std::vector<Finding> find_core_bans(std::string_view text) {
  std::vector<Finding> findings = find_nondeterminism(text);
  find_bans(without_comments_and_literals(text), kCoreBans, findings);
  return findings;
}

std::vector<Finding> find_nondeterminism(std::string_view text) {
  std::vector<Finding> findings;
  find_bans(without_comments_and_literals(text), kNondeterminism, findings);
  return findings;
}

std::vector<Finding> find_foreign_includes(std::string_view text, std::string_view folder) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  static const std::regex standard(R"([a-z0-9_]+)");
  const std::vector<std::string> layers{"detector", "probe", "quorum_check"};
  const auto own = std::find(layers.begin(), layers.end(), folder);
  std::vector<Finding> findings;
  const std::vector<std::string_view> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_search(lines[i].begin(), lines[i].end(), match, include)) continue;
    const std::string name = match[2];
    if (match[1] == "<") {
      if (!std::regex_match(name, standard)) findings.push_back({i + 1, "includes <" + name + ">"});
      continue;
    }
    // A private header beside the source has no folder in its name.
    const bool is_private = name.find('/') == std::string::npos;
    const bool is_lower = std::any_of(
        layers.begin(), own == layers.end() ? own : own + 1,
        [&name](const std::string& layer) { return name.starts_with("vouch/" + layer + "/"); });
    if (!is_private && !is_lower) findings.push_back({i + 1, "includes \"" + name + "\""});
  }
  return findings;
}

std::vector<Finding> find_long_functions(std::string_view text) {
  const std::string code = without_preprocessor(without_comments_and_literals(text));
  std::vector<Finding> findings;
  std::size_t head = 0;
  std::size_t at = 0;
  while (at < code.size()) {
    const char c = code[at];
    if (c == ';' || c == '}') head = at + 1;
    if (c != '{') {
      ++at;
      continue;
    }
    const Opens opens = what_opens(trimmed(std::string_view(code).substr(head, at - head)));
    if (opens == Opens::kScope) {
      head = ++at;
      continue;
    }
    const std::size_t end =
        opens == Opens::kFunction ? end_of_function(code, at) : closing_brace(code, at);
    const std::size_t first = line_at(code, code.find_first_not_of(" \t\n", head));
    const std::size_t lines = line_at(code, end - 1) - first + 1;
    if (opens == Opens::kFunction && lines > kFunctionLinesMax) {
      findings.push_back({first, "a function of " + std::to_string(lines) + " lines"});
    }
    head = at = end;
  }
  return findings;
}

std::vector<Finding> find_oversize(std::string_view text) {
  std::vector<Finding> findings;
  const std::vector<std::string_view> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t columns = columns_of(lines[i]);
    if (columns > kColumnsMax) {
      findings.push_back({i + 1, "a line of " + std::to_string(columns) + " columns"});
    }
  }
  if (lines.size() > kFileLinesMax) {
    findings.push_back({lines.size(), "a file of " + std::to_string(lines.size()) + " lines"});
  }
  return findings;
}

std::vector<Finding> find_leftovers(std::string_view text) {
  std::vector<Finding> findings;
  find_bans(text, kLeftovers, findings);
  return findings;
}

std::vector<Finding> find_banned_symbols(std::string_view nm_output) {
  static const std::regex banned(
      R"(^\s*[Uw]\s+(clock_gettime|clock_nanosleep|gettimeofday|time|nanosleep|usleep|sleep)"
      R"(|getrandom|getentropy|arc4random\w*|s?rand|random|(secure_)?getenv)"
      R"(|pthread_create|pthread_mutex_\w+)"
      R"(|pthread_cond_\w+|socket|bind|connect|listen|accept4?|send(to|msg)?|recv(from|msg)?|fork)"
      R"(|open(at)?(64)?|fopen(64)?|freopen(64)?|popen|pipe2?|epoll_\w+|eventfd|timerfd_\w+)"
      R"(|std::chrono::.*::now\(\).*|std::thread::.*|std::random_device::.*|std::this_thread::.*)"
      R"(|std::condition_variable.*|std::(basic_)?[io]?f(stream|ilebuf).*)(@.*)?$)");
  std::vector<Finding> findings;
  const std::vector<std::string_view> lines = lines_of(nm_output);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (std::regex_search(lines[i].begin(), lines[i].end(), banned)) {
      findings.push_back({i + 1, trimmed(lines[i])});
    }
  }
  return findings;
}

bool SourceFile::is_below(std::string_view folder) const {
  return path.starts_with(std::string(folder) + "/");
}

bool SourceFile::is_cpp() const {
  return path.ends_with(".h") || path.ends_with(".cc") || path.ends_with(".c");
}

std::vector<SourceFile> source_files(const std::filesystem::path& top) {
  static const std::set<std::string> skipped{"build", ".git", ".cache", "node_modules"};
  static const std::set<std::string> text_kinds{
      "",       ".h",   ".cc", ".c",    ".cmake",  ".in", ".txt", ".md",  ".json",
      ".jsonl", ".yml", ".sh", ".html", ".golden", ".js", ".css", ".csv", ".toml"};
  std::vector<SourceFile> files;
  for (auto entry = std::filesystem::recursive_directory_iterator(top);
       entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    const std::filesystem::path& path = entry->path();
    if (skipped.contains(path.filename().string())) {
      // In a second working tree of git .git is a file.
      if (entry->is_directory()) entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && text_kinds.contains(path.extension().string())) {
      std::ifstream file(path, std::ios::binary);
      std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      const bool is_binary = text.find('\0') != std::string::npos;
      if (!is_binary) files.push_back({path.lexically_relative(top).string(), std::move(text)});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace vouch::testing
