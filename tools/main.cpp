#include "commands.hpp"
#include "report.hpp"

#include <csignal>
#include <cstdio>
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

/// As every failure is told, with where help is.
std::string tell(const CLI::App* app, const CLI::Error& error)
{
    tool::report(error.what());
    return "See " + app->get_display_name() + " --help.\n";
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
    app.failure_message(tell);
    app.footer("To see it at work, in three terminals:\n"
               "  strandcast serve\n"
               "  strandcast sub ws://127.0.0.1:8080 '#'\n"
               "  strandcast pub ws://127.0.0.1:8080 greeting '{\"hello\": \"world\"}'\n"
               "Each command has a --help of its own.");
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
        if (!app.get_subcommands().empty() || (argc > 1 && argv[1][0] == '-'))
            app.exit(error);
        else if (argc > 1)  // it would be told as one that is missing
            tool::report(std::string("no such command: ") + argv[1] + " (see strandcast --help)");
        else
            static_cast<void>(std::fputs(app.help().c_str(), stderr));
        return 2;
    }
    catch (const CLI::ParseError& error)
    {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run();
}
