#include "../examples/swarm/digest.hpp"
#include "../examples/swarm/files.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

namespace
{

namespace fs = std::filesystem;

/// A folder that goes with all that is in it.
class Folder
{
public:
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "strandcast-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path_); }

    [[nodiscard]] const fs::path& path() const { return path_; }

    void write(const fs::path& name, const std::string& content) const
    {
        fs::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << content;
    }

private:
    fs::path path_;
};

std::string digestOf(const fs::path& path, swarm::Progress progress = {})
{
    asio::io_context io;
    auto digest = asio::co_spawn(io, swarm::digestFile(path, std::move(progress)), asio::use_future);
    io.run();
    return digest.get();
}

}  // namespace

TEST_CASE("a file's digest is that of FIPS 180-2's examples")
{
    const Folder folder;
    folder.write("empty", "");
    folder.write("abc", "abc");
    folder.write("million", std::string(1'000'000, 'a'));
    CHECK(digestOf(folder.path() / "empty") ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digestOf(folder.path() / "abc") ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    std::vector<std::uint64_t> told;
    const auto digest = digestOf(folder.path() / "million",
                                 [&](std::uint64_t bytes) -> asio::awaitable<void>
                                 {
                                     told.push_back(bytes);
                                     co_return;
                                 });
    CHECK(digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    REQUIRE(told.size() > 1);
    CHECK(told.back() == 1'000'000);
    CHECK_THROWS_AS(digestOf(folder.path() / "nothing"), swarm::ReadError);
}

TEST_CASE("files are found below a folder in their order, but for those of version control and of builds")
{
    const Folder folder;
    folder.write("b", "2");
    folder.write("a/c", "333");
    folder.write(".git/config", "");
    folder.write("out/build.ninja", "");
    folder.write("out/x", "");
    fs::create_symlink("b", folder.path() / "link");
    const auto files = swarm::filesBelow(folder.path());
    REQUIRE(files.size() == 2);
    CHECK(files[0].path == "a/c");
    CHECK(files[0].size == 3);
    CHECK(files[1].path == "b");
    CHECK_THROWS_AS(static_cast<void>(swarm::filesBelow(folder.path() / "nothing")), fs::filesystem_error);
}

TEST_CASE("a file's name of any bytes is a word of ASCII on the way, and itself again")
{
    for (const std::string name : {"lib/a.cpp", "with space", "\xff\n\x01%", "%41", "\xc3\xa9", "%"})
    {
        const auto encoded = swarm::encodePath(name);
        CAPTURE(encoded);
        for (const char character : encoded) CHECK((character > ' ' && character <= '~'));
        CHECK(swarm::decodePath(encoded) == name);
    }
    CHECK(swarm::encodePath("lib/a.cpp") == "lib/a.cpp");
}
