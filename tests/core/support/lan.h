#ifndef CORE_SUPPORT_LAN_H
#define CORE_SUPPORT_LAN_H

#include "peer.h"

#include "wire/arp.h"
#include "wire/nd.h"

/* One host on an Ethernet, in virtual time, frame by frame. Stations and addresses have numbers: station n is
   02-00-00-00-00-n, and has 10.0.0.n and fe80::n; the host is number 1. */

enum { LAN_FRAME_BYTES = 1514, LAN_ALL = 255 };

struct lan {
    la_host *host;
    size_t size;
    la_time now;
    uint8_t frame[LAN_FRAME_BYTES]; /* the last that was pulled */
    size_t length;
};

/* Small, and without asking for addresses. */
struct la_config lan_config(void);

/* A host with one Ethernet interface, MTU 1500, and no address; then one with 10.0.0.1/24 and fe80::1/64, whose
   announcements are over. */
void lan_begin_bare(struct lan *lan, const struct la_config *config);
void lan_begin(struct lan *lan, const struct la_config *config);
void lan_end(struct lan *lan);

struct mac lan_mac(uint8_t n); /* LAN_ALL: everybody's */
struct la_address lan_ipv4(uint8_t n);
struct la_address lan_ipv6(uint8_t n);

/* The next frame that leaves, which host_check follows. False: none does. */
bool lan_pull(struct lan *lan);
void lan_forget_output(struct lan *lan);

/* What is due is done, as often as the deadline says; and nothing that leaves is pulled. */
void lan_run_until(struct lan *lan, la_time until);
void lan_run_ms(struct lan *lan, uint32_t ms);

/* ---- what comes in ---- */

void lan_frame_in(struct lan *lan, struct mac to, struct mac from, enum ethernet_type type, const uint8_t *octets,
                  size_t length);
void lan_packet_in(struct lan *lan, struct mac to, struct mac from, const uint8_t *packet, size_t length);

/* From station to everybody: operation, its own address, and whose it speaks of; 0: 0.0.0.0. */
void lan_arp_in(struct lan *lan, enum arp_operation operation, uint8_t station, uint8_t sender, uint8_t target);
void lan_nd_in(struct lan *lan, struct mac to, uint8_t station, const struct la_address *source,
               const struct la_address *destination, const struct nd *nd);

/* Of echo requests: octets of data. */
void lan_echo_in(struct lan *lan, struct mac to, uint8_t station, size_t length);
void lan_syn_in(struct lan *lan, struct mac to, uint8_t station, bool ipv6);

/* ---- what left ---- */

/* The next frame goes to this station, from ours, and has the type. */
void lan_expect(struct lan *lan, uint8_t to, enum ethernet_type type);
void lan_expect_arp(struct lan *lan, uint8_t to, enum arp_operation operation, uint8_t sender, uint8_t target);
void lan_expect_nothing(struct lan *lan);

/* The TCP segment, or the message of neighbour discovery, in the frame that was pulled. */
struct segment lan_segment(const struct lan *lan);
struct nd lan_nd(const struct lan *lan, struct packet *packet);

/* ---- calls ---- */

int lan_connect(struct lan *lan, struct la_address address, struct la_conn *conn);
uint64_t lan_dropped(const struct lan *lan, enum la_drop why);

#endif
