#include "commands.hpp"
#include "report.hpp"

#include <csignal>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace
{

/// A standard stream that was closed would be the number of the next socket, and get what is meant for
/// people. Opened the wrong way round it fails as a closed one does.
void openClosedStreams()
{
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(descriptor, F_GETFD) == -1)
            static_cast<void>(::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

}  // namespace

int main(int argc, char** argv)
{
    openClosedStreams();
    // A reader that goes away shows in the write that fails, and ends the program quietly.
    std::signal(SIGPIPE, SIG_IGN);

    CLI::App app("strandcast: realtime events over WebSocket");
    app.set_version_flag("--version", STRANDCAST_VERSION);
    app.require_subcommand(1);
    tool::Run run;
    tool::addServe(app, run);
    tool::addSub(app, run);
    tool::addPub(app, run);
    try
    {
        app.parse(argc, argv);
    }
    catch (const CLI::RequiredError& error)
    {
        // A command that is none would be told as one that is missing.
        if (argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty())
            tool::report(std::string("no such command: ") + argv[1]);
        app.exit(error);
        return 2;
    }
    catch (const CLI::ParseError& error)
    {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run();
}
