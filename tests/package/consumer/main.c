#include <lastack/lastack.h>

#include <stdio.h>
#include <string.h>

/* The installed header, the installed library and the version the package states are one and the same. */
int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(la_version(), LA_VERSION) != 0 || strcmp(la_version(), argv[1]) != 0) {
        fprintf(stderr, "library %s, header %s, package %s\n", la_version(), LA_VERSION, argc == 2 ? argv[1] : "?");
        return 1;
    }
    struct la_address address;
    char text[LA_ADDRESS_TEXT_BYTES];
    if (la_address_parse("192.0.2.1", &address) != LA_OK)
        return 1;
    la_address_text(&address, text);
    return strcmp(text, "192.0.2.1") != 0;
}
