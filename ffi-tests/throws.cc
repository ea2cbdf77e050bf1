// A C++ program whose callbacks throw: each ends the process, at once, with a line that names the callback. The
// program runs itself as a child for that; the child is what is looked at.
#include "tlsport.h"

#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::string thrower; // the callback that throws

int perhaps(const char *name)
{
    if (thrower == name) {
        throw std::runtime_error("on purpose");
    }
    return TLSPORT_CONTINUE;
}

int on_open(void *, tlsport_conn *)
{
    return perhaps("open");
}

int on_data(void *, tlsport_conn *, const void *, size_t)
{
    return perhaps("data");
}

void on_close(void *, tlsport_conn *, int)
{
    perhaps("close");
}

int on_call(void *, tlsport_conn *, void *)
{
    return perhaps("call");
}

void on_line(void *, int, const char *)
{
    perhaps("log");
}

// A server without TLS, one client that says a byte and goes, one call.
int child(const char *name)
{
    thrower = name;
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    alarm(30); // a process that hangs ends by another signal
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_callbacks callbacks = {sizeof callbacks, on_open, on_data, nullptr, nullptr, on_close};
    if (tlsport_log_set(on_line, nullptr, TLSPORT_LOG_TRACE) != TLSPORT_OK ||
        tlsport_settings_set(settings, "server.endpoint", "tcp://127.0.0.1:0") != TLSPORT_OK) {
        return 2;
    }
    tlsport_server *server = tlsport_server_new(settings, &callbacks, nullptr);
    const char *endpoint = tlsport_server_endpoint(server, 0);
    if (endpoint == nullptr) {
        std::fprintf(stderr, "%s\n", tlsport_last_error());
        return 2;
    }
    struct sockaddr_in address;
    std::memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(std::strrchr(endpoint, ':') + 1)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (tlsport_server_call(server, 1, on_call, nullptr) != TLSPORT_OK ||
        connect(fd, reinterpret_cast<struct sockaddr *>(&address), sizeof address) != 0 ||
        write(fd, "x", 1) != 1) {
        return 2;
    }
    shutdown(fd, SHUT_WR);
    char byte;
    while (read(fd, &byte, 1) > 0) {
    }
    close(fd);
    tlsport_server_free(server);
    tlsport_settings_free(settings);
    return 0;
}

// Whether the child ended as it has to; what it said, if not.
bool ends(const char *self, const char *name, int signal)
{
    std::string said;
    char part[256];
    std::string expected = std::string("tlsport: callback '") + name + "' was left by an exception\n";
    FILE *out = popen(("exec 2>&1; exec '" + std::string(self) + "' " + name).c_str(), "r");
    while (out != nullptr && std::fgets(part, sizeof part, out) != nullptr) {
        said += part;
    }
    int status = out == nullptr ? -1 : pclose(out);
    bool right = signal == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                             : WIFSIGNALED(status) && WTERMSIG(status) == signal &&
                                   said.find(expected) != std::string::npos;
    std::printf("%s an exception in '%s'\n", right ? "ok  " : "FAIL", name);
    if (!right) {
        std::printf("    status %#x, said: %s\n", static_cast<unsigned>(status), said.c_str());
    }
    return right;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc > 1) {
        return child(argv[1]);
    }
    bool right = ends(argv[0], "none", 0);
    const char *names[] = {"open", "data", "close", "call", "log"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        right = ends(argv[0], names[i], SIGABRT) && right;
    }
    return right ? 0 : 1;
}
