#include "base/address.h"
#include "base/assert.h"
#include "tables.h"

size_t ip_routes_bytes(const struct la_config *config)
{
    return sizeof(struct ip_prefix) * config->routes;
}

int ip_route_add(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length)
{
    enum la_error error = ip_prefix_error(ip, interface, prefix, prefix_length);
    if (error != LA_OK) {
        return error;
    }
    if (ip->route_count == ip_core(ip)->config.routes) {
        return LA_ERROR_NO_ROUTE;
    }
    ip_routes(ip)[ip->route_count] = ip_prefix_of(ip, interface, prefix, prefix_length);
    ip->route_count++;
    return LA_OK;
}

static void close_gap(struct ip_prefix *prefixes, uint32_t count, uint32_t order)
{
    for (uint32_t i = 0; i < count; i++) {
        prefixes[i].order -= prefixes[i].order > order;
    }
}

void ip_route_remove(struct ip *ip, uint32_t route)
{
    struct ip_prefix *routes = ip_routes(ip);
    uint32_t order = routes[route].order;
    uint32_t behind = ip->route_count - route - 1u;
    memmove(&routes[route], &routes[route + 1], behind * sizeof *routes);
    ip_ways_remove(ip, route);
    ip->route_count--;
    close_gap(routes, ip->route_count, order);
    close_gap(ip_addresses(ip), ip->address_count, order);
}

/* The best so far of the ways to a destination. */
struct way {
    const struct ip_prefix *prefix; /* NULL: none yet */
    bool by_source;                 /* by the interface that has the given source */
};

static bool is_better(const struct way *way, bool by_source, const struct ip_prefix *prefix)
{
    if (way->prefix == NULL || way->by_source != by_source) {
        return way->prefix == NULL || by_source;
    }
    if (way->prefix->bits != prefix->bits) {
        return way->prefix->bits < prefix->bits;
    }
    return way->prefix->order > prefix->order;
}

static void consider(struct way *way, const struct ip_prefix *prefixes, uint32_t count,
                     const struct la_address *destination, const struct ip_prefix *source)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ip_prefix *prefix = &prefixes[i];
        bool by_source = source != NULL && source->interface == prefix->interface;
        if (address_in_prefix(destination, &prefix->address, prefix->bits) && is_better(way, by_source, prefix)) {
            *way = (struct way){prefix, by_source};
        }
    }
}

/* Both ends of a connection are of one family, and a link-local address means something on its own link only (RFC 4007
   9). */
static bool may_leave_by(const struct ip_prefix *source, const struct way *way, const struct la_address *destination)
{
    return address_is_ipv4(&source->address) == address_is_ipv4(destination) &&
           (way->by_source || !address_is_link_local(&source->address));
}

bool ip_is_another_host(const struct ip *ip, const struct la_address *address)
{
    return ip_source_is_valid(ip, address);
}

enum la_error ip_path_to(const struct ip *ip, const struct la_address *destination, const struct la_address *from,
                         struct ip_path *path)
{
    bool is_given = !address_is_any(from);
    const struct ip_prefix *source = is_given ? ip_find_address(ip, from) : NULL;
    if (is_given && source == NULL) {
        return LA_ERROR_NO_ADDRESS;
    }
    if (!ip_source_is_valid(ip, destination)) { /* TCP speaks to one other host only: RFC 9293 3.9.1.1, MUST-46 */
        return LA_ERROR_NO_ROUTE;
    }
    struct way way = {NULL, false};
    consider(&way, ip_addresses(ip), ip->address_count, destination, source);
    consider(&way, ip_routes(ip), ip->route_count, destination, source);
    if (way.prefix == NULL) {
        return LA_ERROR_NO_ROUTE;
    }
    if (source == NULL) {
        source = ip_source_for(ip, way.prefix->interface, destination);
    } else if (!may_leave_by(source, &way, destination)) {
        return LA_ERROR_NO_ROUTE;
    }
    if (source == NULL) {
        return LA_ERROR_NO_ROUTE;
    }
    path->interface = way.prefix->interface;
    path->source = source->address;
    return LA_OK;
}

void ip_advice_is_negative(struct ip *ip, const struct la_address *destination)
{
    struct ip_path path;
    core_count(ip_core(ip), LA_COUNT_IP_NEGATIVE_ADVICE);
    static const struct la_address any;
    if (ip_has_ethernet(ip) && ip_path_to(ip, destination, &any, &path) == LA_OK &&
        ip_is_ethernet(ip, path.interface)) {
        ip_neighbour_is_doubted(ip, path.interface, destination);
    }
}
