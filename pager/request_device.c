/* Requests of drivers: memory for devices, their registers, lines and ports. Only processes whose module line says "driver" get an answer other than
 * NO_RIGHT. */
#include "request_device.h"

#include "contiguous.h"
#include "fill.h"
#include "ledger.h"
#include "request.h"

/* --- Memory for devices --- */

struct contiguous_wish {
    uint64_t bytes; /* whole pages */
    unsigned order; /* of the first frame's number */
    uint64_t limit; /* of frames; 0: none */
};

static enum status wish_decode(const struct request *request, struct contiguous_wish *wish)
{
    uint64_t alignment = request->word[2];
    enum status status = request_check_protection(request->word[1]);
    if (status != STATUS_OK) return status;
    if (request->word[1] & PROTECTION_EXECUTE) return STATUS_BAD_ARGUMENT;
    if (alignment != 0 && (alignment < PAGE_SHIFT || alignment > PAGE_SHIFT + CONTIGUOUS_ORDER_MOST)) return STATUS_BAD_ALIGNMENT;
    if (request->word[0] == 0) return STATUS_BAD_LENGTH;
    if (request->word[0] > CONTIGUOUS_BYTES_MOST) return STATUS_LIMIT;
    if (request->word[3] != 0 && request->word[3] < PAGE_BYTES) return STATUS_NO_MEMORY; /* no frame is there */
    *wish = (struct contiguous_wish){ layout_page_up(request->word[0]), alignment != 0 ? (unsigned)alignment - PAGE_SHIFT : 0, request->word[3] >> PAGE_SHIFT };
    return STATUS_OK;
}

/* Frames for a segment, and its pages; or nothing. */
static enum status contiguous_fill(const struct process *process, struct segment *segment, const struct contiguous_wish *wish)
{
    frame_id_t first;
    enum status status = quota_check(&process->family->pages, segment_charge(segment));
    if (status == STATUS_OK) status = contiguous_take(segment->pages, wish->order, wish->limit, &first);
    if (status != STATUS_OK) return status;
    segment->frame = (uint32_t)first.number;
    status = segment->fill->set(process->space, segment, segment->first, segment->limit, nullptr);
    if (status != STATUS_OK) contiguous_give(first, segment->pages);
    return status;
}

enum status request_map_contiguous([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    struct contiguous_wish wish;
    if (!process->is_driver) return STATUS_NO_RIGHT;
    enum status status = wish_decode(request, &wish);
    if (status != STATUS_OK) return status;
    struct segment segment = { .fill = &fill_contiguous, .kind = SEGMENT_MMAP, .protection = (uint8_t)request->word[1], .pages = wish.bytes >> PAGE_SHIFT };
    status = area_take(&table->directory, segment.pages, &segment.first);
    if (status != STATUS_OK) return status;
    segment.limit = segment.first + wish.bytes;
    status = segment_reserve_insert(table, segment.first, segment.limit);
    if (status == STATUS_OK) status = contiguous_fill(process, &segment, &wish);
    if (status != STATUS_OK) {
        area_give(&table->directory, segment.first, segment.limit);
        return status;
    }

    // Commit: nothing below may fail.
    segment_insert(table, &segment);
    answer->word[0] = segment.first;
    answer->word[1] = (uint64_t)segment.frame << PAGE_SHIFT;
    return STATUS_OK;
}

enum status request_segment_physical([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    const struct process *process = request->caller;
    uint64_t address = request->word[0];
    if (!process->is_driver) return STATUS_NO_RIGHT;
    const struct segment *segment = segment_find(&process->segments, address);
    if (segment == nullptr || segment->is_going) return STATUS_NOT_MAPPED;
    if (!segment->fill->is_pinned) return STATUS_BAD_STATE;
    answer->word[0] = ((uint64_t)segment->frame << PAGE_SHIFT) + (address - segment->first);
    return STATUS_OK;
}

/* --- What is no memory --- */

constexpr uint64_t DEVICE_BYTES_MOST = (uint64_t)1 << 30;
constexpr uint64_t PHYSICAL_LIMIT = (uint64_t)1 << (32 + PAGE_SHIFT); /* a segment's `frame` has 32 bits */

static enum status device_decode(const struct request *request)
{
    const uint64_t *word = request->word;
    uint64_t limit;
    if (word[2] & ~(uint64_t)PROTECTION_WRITE || word[3] & ~(uint64_t)ATTRIBUTE_CACHE || word[4] > 1) return STATUS_BAD_ARGUMENT;
    if (word[1] == 0) return STATUS_BAD_LENGTH;
    if (__builtin_add_overflow(word[0], word[1], &limit)) return STATUS_RANGE_WRAPS;
    if (word[1] > DEVICE_BYTES_MOST) return STATUS_LIMIT;
    return limit > PHYSICAL_LIMIT ? STATUS_BAD_FRAME : STATUS_OK;
}

/* Segments of devices by their first frames. What stands here need not be true any more: where it leads is looked at each time. */
static struct device_place {
    uint64_t address;
    uint32_t frame;
    uint16_t process; /* slot */
} device_place[2048];
constexpr uint32_t PLACES = sizeof(device_place) / sizeof(device_place[0]);
constexpr uint32_t PLACES_LOOKED_AT = 8;
static_assert(PROCESS_LIMIT <= UINT16_MAX + 1);

static struct device_place *place_of(uint32_t frame, uint32_t distance)
{
    constexpr uint32_t weight = 0x9e3779b1; /* 2^32 divided by the golden ratio */
    return &device_place[((frame * weight >> 16) + distance) % PLACES];
}

/* The segment that a place still leads to, or nullptr. */
static const struct segment *place_segment(const struct pager *pager, const struct device_place *place)
{
    const struct process *process = pager->process[place->process];
    if (place->address == 0 || process == nullptr || process->state != PROCESS_RUNNING) return nullptr;
    const struct segment *segment = segment_find(&process->segments, place->address);
    bool is_device = segment != nullptr && segment->fill->has_registry;
    return is_device && segment->first == place->address && segment->frame == place->frame ? segment : nullptr;
}

/* Keeps where a segment is: in a place that leads nowhere, else in its first one. */
static void place_keep(const struct pager *pager, const struct process *process, const struct segment *segment)
{
    uint32_t distance = 0;
    while (distance < PLACES_LOOKED_AT && place_segment(pager, place_of(segment->frame, distance)) != nullptr) distance++;
    struct device_place *place = place_of(segment->frame, distance % PLACES_LOOKED_AT);
    *place = (struct device_place){ segment->first, segment->frame, (uint16_t)process->index };
}

/* A segment with the same first frame that answers: one that a driver has for itself, or a shared one of which all that is wanted is a part. */
static const struct segment *place_find(const struct pager *pager, const struct segment *wanted)
{
    for (uint32_t distance = 0; distance < PLACES_LOOKED_AT; distance++) {
        const struct device_place *place = place_of(wanted->frame, distance);
        const struct segment *segment = place->frame == wanted->frame ? place_segment(pager, place) : nullptr;
        if (segment == nullptr) continue;
        if (segment->fill->is_exclusive || segment->limit - segment->first >= wanted->limit - wanted->first) return segment;
    }
    return nullptr;
}

/* Whether a driver has a part of a device for itself: the kernel sees one owner of all. Where somebody shares all of it nobody has. All that drivers have is
 * looked at only where parts of devices overlap that do not begin together. */
static bool device_is_alone(const struct pager *pager, const struct segment *wanted)
{
    const struct segment *known = place_find(pager, wanted);
    if (known != nullptr) return known->fill->is_exclusive;
    uint64_t count = layout_pages(wanted->first, wanted->limit);
    for (uint32_t i = 0; i < pager->slot_limit; i++) {
        const struct process *process = pager->process[i];
        if (process == nullptr || !process->is_driver || process->state != PROCESS_RUNNING) continue;
        const struct segment_table *table = &process->segments;
        for (const struct segment *row = segment_above(table, 0); row != nullptr; row = segment_above(table, row->limit))
            if (row->fill->is_exclusive && row->frame < wanted->frame + count && wanted->frame < row->frame + layout_pages(row->first, row->limit))
                return true;
    }
    return false;
}

/* Pages of the device at the segment's place, or nothing. What nobody else has the kernel's registry gives at once, to who would share too. */
static enum status device_bring(struct pager *pager, const struct process *process, const struct segment *segment, uint32_t cache)
{
    enum status status = quota_check(&process->family->pages, segment_charge(segment));
    if (status != STATUS_OK) return status;
    pager->ledger->device = (struct ledger_device){ pager->ledger->received.token, process->index, segment->first, segment->limit };
    struct fill_source source = { .cache = cache };
    status = fill_device.set(process->space, segment, segment->first, segment->limit, &source);
    if (status != STATUS_EXISTS || segment->fill->is_exclusive || device_is_alone(pager, segment)) return status;
    return segment->fill->set(process->space, segment, segment->first, segment->limit, &source);
}

enum status request_device_map(struct pager *pager, const struct request *request, struct answer *answer)
{
    struct process *process = request->caller;
    struct segment_table *table = &process->segments;
    if (!process->is_driver) return STATUS_NO_RIGHT;
    enum status status = device_decode(request);
    if (status != STATUS_OK) return status;
    uint64_t offset = request->word[0] % PAGE_BYTES, bytes = layout_page_up(offset + request->word[1]);
    struct segment segment = {
        .fill = request->word[4] == 1 ? &fill_device_shared : &fill_device, .frame = (uint32_t)(request->word[0] >> PAGE_SHIFT), .kind = SEGMENT_MMAP,
        .protection = (uint8_t)request->word[2], .pages = bytes >> PAGE_SHIFT,
    };
    status = area_take(&table->directory, segment.pages, &segment.first);
    if (status != STATUS_OK) return status;
    segment.limit = segment.first + bytes;
    status = segment_reserve_insert(table, segment.first, segment.limit);
    if (status == STATUS_OK) status = device_bring(pager, process, &segment, (uint32_t)request->word[3]);
    if (status != STATUS_OK) {
        area_give(&table->directory, segment.first, segment.limit);
        return status;
    }

    // Commit: nothing below may fail.
    place_keep(pager, process, segment_insert(table, &segment));
    answer->word[0] = segment.first + offset;
    return STATUS_OK;
}

void device_undo(const struct pager *pager)
{
    const struct ledger_device *device = &pager->ledger->device;
    if (device->token == 0 || device->token != pager->ledger->received.token || device->process >= PROCESS_LIMIT) return;
    const struct process *process = pager->process[device->process];
    if (process == nullptr || device->limit <= device->first || device->limit - device->first > DEVICE_BYTES_MOST + PAGE_BYTES) return;
    if (segment_find(&process->segments, device->first) == nullptr) fill_unmap_device(process->space, device->first, device->limit);
}

/* --- Lines --- */

/* The caller's endpoint that a line sets bits at, or nullptr. */
static struct service *line_service(const struct process *process, uint64_t line)
{
    for (uint32_t slot = 0; line < 32 && process->services.has_page && slot < SERVICE_LIMIT; slot++)
        if (process->services.rows[slot].lines >> line & 1) return &process->services.rows[slot];
    return nullptr;
}

static bool line_is_claimed(const struct pager *pager, uint64_t line)
{
    for (uint32_t i = 0; i < pager->slot_limit; i++)
        if (pager->process[i] != nullptr && line_service(pager->process[i], line) != nullptr) return true;
    return false;
}

enum status request_interrupt_claim(struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    uint64_t line = request->word[0];
    struct holding *holding;
    if (!request->caller->is_driver) return STATUS_NO_RIGHT;
    enum status status = holding_find_receiving(request->caller, request->word[1], &holding);
    if (status != STATUS_OK) return status;
    if (line >= 32) return STATUS_BAD_ARGUMENT;
    struct service *service = &request->caller->services.rows[holding->service_slot];
    service_save(service);
    status = seam_interrupt_map(service->endpoint, line, request->word[2]);
    if (status == STATUS_EXISTS && !line_is_claimed(pager, line) && seam_interrupt_unmap(line) == STATUS_OK) /* a pager was lost right after it */
        status = seam_interrupt_map(service->endpoint, line, request->word[2]);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    service->lines |= 1u << line;
    return STATUS_OK;
}

enum status request_interrupt_release([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    struct service *service = line_service(request->caller, request->word[0]);
    if (service == nullptr) return STATUS_NOT_FOUND;
    service_save(service);
    enum status status = seam_interrupt_unmap(request->word[0]);
    service->lines &= ~(1u << request->word[0]);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* gone: a pager was lost right after it */
}

enum status request_interrupt_acknowledge([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    return line_service(request->caller, request->word[0]) == nullptr ? STATUS_NOT_FOUND : seam_interrupt_acknowledge(request->word[0]);
}

/* --- Ports --- */

enum status request_port_read([[maybe_unused]] struct pager *pager, const struct request *request, struct answer *answer)
{
    return request->caller->is_driver ? seam_port_in(request->word[0], request->word[1], &answer->word[0]) : STATUS_NO_RIGHT;
}

enum status request_port_write([[maybe_unused]] struct pager *pager, const struct request *request, [[maybe_unused]] struct answer *answer)
{
    return request->caller->is_driver ? seam_port_out(request->word[0], request->word[1], request->word[2]) : STATUS_NO_RIGHT;
}
