// The HTTP client of the stores: what it says of a request that failed, and that it sends none
// twice.

#include "vouch/election_http/http_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "tests/support/http_server.h"
#include "tests/support/process.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;
using vouch::testing::http_reply;
using vouch::testing::HttpServer;

std::unique_ptr<HttpClient> make_client(HttpClientConfig config = {}) {
  auto created = HttpClient::create(std::move(config));
  EXPECT_TRUE(created);
  return *std::move(created);
}

HttpRequest post(const HttpServer& server, const std::string& body) {
  return {.url = server.url(),
          .headers = {{"Content-Type", "text/plain"}},
          .body = body,
          .timeout = std::chrono::seconds(20)};
}

TEST(HttpClient, ReusesOneConnectionAndReadsTheServersClock) {
  std::vector<std::string> seen;
  const HttpServer server([&](const std::string& request) {
    seen.push_back(request);
    return http_reply(404, "no", "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n");
  });
  const auto client = make_client();
  for (int i = 0; i < 3; ++i) {
    const HttpReply reply = client->send(post(server, "body" + std::to_string(i)));
    EXPECT_EQ(reply.outcome, HttpOutcome::kAnswered) << reply.trouble;
    EXPECT_EQ(reply.status, 404);
    EXPECT_EQ(reply.body, "no");
    ASSERT_TRUE(reply.date);
    EXPECT_EQ(reply.date->time_since_epoch().count(), 784887151);
  }
  EXPECT_EQ(server.connections(), 1);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[2].substr(0, 16), "POST / HTTP/1.1\r");
  EXPECT_TRUE(seen[2].ends_with("\r\n\r\nbody2"));
}

TEST(HttpClient, WhatReachesNobodyWasNotSent) {
  const auto client = make_client();
  std::string closed;
  {
    closed = HttpServer([](const std::string&) { return http_reply(200, ""); }).url();
  }
  HttpRequest request{.url = closed, .timeout = std::chrono::seconds(5)};
  HttpReply reply = client->send(request);
  EXPECT_EQ(reply.outcome, HttpOutcome::kNotSent);
  EXPECT_NE(reply.trouble.find("connect"), std::string::npos) << reply.trouble;
  request.url = "ftp://127.0.0.1/";
  EXPECT_EQ(client->send(request).outcome, HttpOutcome::kNotSent);
  request.url = closed;
  request.headers = {{"X", "a\r\nY: b"}};
  reply = client->send(request);
  EXPECT_EQ(reply.outcome, HttpOutcome::kNotSent);
  EXPECT_EQ(reply.trouble, "a header holds a control character");
}

/// libcurl would send a request anew when a connection that served before closes under it. The
/// second may be refused because the first was applied.
TEST(HttpClient, ARequestOnAConnectionThatBreaksIsSentOnce) {
  std::atomic<int> requests = 0;
  const HttpServer server([&](const std::string&) -> std::optional<std::string> {
    if (++requests == 2) return std::nullopt;
    return http_reply(200, "");
  });
  const auto client = make_client();
  EXPECT_EQ(client->send(post(server, "1")).outcome, HttpOutcome::kAnswered);
  const HttpReply reply = client->send(post(server, "2"));
  EXPECT_EQ(reply.outcome, HttpOutcome::kNoReply);
  EXPECT_EQ(reply.trouble, "the connection broke before a reply came");
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(client->send(post(server, "3")).outcome, HttpOutcome::kAnswered);
  EXPECT_EQ(requests, 3);
}

TEST(HttpClient, ALateAnUnfinishedAndATooLongReplyAreNone) {
  const HttpServer server([&](const std::string& request) -> std::optional<std::string> {
    if (request.ends_with("half")) return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    if (request.ends_with("long")) return http_reply(200, std::string(1001, 'x'));
    if (request.ends_with("fits")) return http_reply(200, std::string(1000, 'x'));
    return "no HTTP at all\r\n\r\n";
  });
  const auto client = make_client({.reply_bytes_max = 1000});
  HttpRequest late = post(server, "half");
  late.timeout = milliseconds(100);
  HttpReply reply = client->send(late);
  EXPECT_EQ(reply.outcome, HttpOutcome::kNoReply);
  EXPECT_EQ(reply.body, "");
  EXPECT_NE(reply.trouble.find("timed out"), std::string::npos) << reply.trouble;
  reply = client->send(post(server, "long"));
  EXPECT_EQ(reply.outcome, HttpOutcome::kNoReply);
  EXPECT_EQ(reply.trouble, "the reply is too long");
  EXPECT_EQ(client->send(post(server, "fits")).body.size(), 1000U);
  EXPECT_EQ(client->send(post(server, "odd")).outcome, HttpOutcome::kNoReply);
}

TEST(HttpClient, RedirectsAreNotFollowed) {
  std::atomic<int> requests = 0;
  const HttpServer server([&](const std::string&) {
    ++requests;
    return http_reply(307, "", "Location: /elsewhere\r\n");
  });
  EXPECT_EQ(make_client()->send(post(server, "x")).status, 307);
  EXPECT_EQ(requests, 1);
}

/// Another machine is reached through the proxy of the environment, this one never.
TEST(HttpClient, AProxyIsForOtherMachines) {
  std::string seen;
  const HttpServer proxy([&](const std::string& request) {
    seen = request;
    return http_reply(200, "by the proxy");
  });
  const HttpServer server([](const std::string&) { return http_reply(200, "itself"); });
  setenv("http_proxy", proxy.url().c_str(), 1);
  const auto client = make_client();
  EXPECT_EQ(client->send(post(server, "x")).body, "itself");
  HttpRequest far = post(server, "x");
  far.url = "http://store.invalid/y";
  EXPECT_EQ(client->send(far).body, "by the proxy");
  EXPECT_TRUE(seen.starts_with("POST http://store.invalid/y HTTP/1.1\r\n")) << seen;
  unsetenv("http_proxy");
}

TEST(HttpClient, AStreamComesInPiecesUntilAnotherThreadEndsIt) {
  const HttpServer server([&](const std::string&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n";
  });
  const auto client = make_client();
  std::string heard;
  std::thread other;
  HttpRequest request = post(server, "watch");
  request.timeout = {};
  const HttpReply reply = client->stream(request, [&](std::string_view piece) {
    heard += piece;
    if (heard == "onetwo") other = std::thread([&] { client->abort(); });
    return true;
  });
  other.join();
  EXPECT_EQ(heard, "onetwo");
  EXPECT_EQ(reply.outcome, HttpOutcome::kNoReply);
  EXPECT_EQ(reply.trouble, "aborted");
  EXPECT_EQ(client->send(post(server, "more")).outcome, HttpOutcome::kNotSent) << "still aborted";
  client->resume();
  EXPECT_EQ(client->stream(request, [](std::string_view) { return false; }).trouble,
            "ended by its reader");
}

/// The known answer was computed by another implementation, from Amazon's description of Signature
/// Version 4.
TEST(HttpClient, SignsAsAmazonsServicesWantIt) {
  std::mutex mutex;
  std::string seen;
  const HttpServer server([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    seen = request;
    return http_reply(200, "{}");
  });
  const auto client = make_client();
  HttpRequest request{.url = server.url(),
                      .headers = {{"Host", "127.0.0.1:4567"},
                                  {"Content-Type", "application/x-amz-json-1.0"},
                                  {"X-Amz-Date", "20261123T204435Z"},
                                  {"X-Amz-Target", "DynamoDB_20120810.ListTables"}},
                      .body = "{}",
                      .timeout = std::chrono::seconds(20)};
  request.signing = AwsSigning{.region = "us-east-1",
                               .service = "dynamodb",
                               .access_key = "local",
                               .secret_key = "local",
                               .session_token = ""};
  EXPECT_EQ(client->send(request).status, 200);
  EXPECT_NE(seen.find("Authorization: AWS4-HMAC-SHA256 "
                      "Credential=local/20261123/us-east-1/dynamodb/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
                      "dc8447dac44ae354c1da2b5592315e4c430b87a070960bdf0fcb2b0fbb5b0298\r\n"),
            std::string::npos)
      << seen;
  request.signing->session_token = "of-the-session";
  EXPECT_EQ(client->send(request).status, 200);
  EXPECT_NE(seen.find("X-Amz-Security-Token: of-the-session\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                      "x-amz-target,"),
            std::string::npos)
      << seen;
  // Without a time of ours it is there once, and signed.
  request.headers.erase(request.headers.begin() + 2);
  EXPECT_EQ(client->send(request).status, 200);
  const std::size_t dated = seen.find("X-Amz-Date: 20");
  ASSERT_NE(dated, std::string::npos) << seen;
  EXPECT_EQ(seen.find("X-Amz-Date: ", dated + 1), std::string::npos) << seen;
  EXPECT_NE(seen.find("SignedHeaders=content-type;host;x-amz-date;"), std::string::npos) << seen;
}

}  // namespace
}  // namespace vouch::election::testing
