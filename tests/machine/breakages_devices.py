"""What is broken on purpose where a device is mapped: its leaf, its place in the registry, their counts."""
from breakages import Breakages
from memory_image import ADDRESS, PAGE, PRESENT

BREAKAGES = Breakages()
breaks = BREAKAGES.breaks
DEVICE, NO_EXECUTE = 1 << 11, 1 << 63  # microkernel/device.h; AMD64 manual vol. 2, 5.3


def device(scene):
    """(place of a leaf of 4 KiB, physical address of the struct of its space)."""
    for frame, space in scene.spaces:
        for path in scene.pages[frame]:
            if scene.image.number(path[-1], 8) & DEVICE:
                return path[-1], space
    raise StopIteration


def registry(scene):
    return scene.image.variable_at('device_registry')[0]


def known(scene):
    """The registry's entries on the way to the device: root first."""
    address = scene.image.number(device(scene)[0], 8) & ADDRESS
    table, path = scene.root(registry(scene)), []
    for shift in (39, 30, 21, 12):
        path.append(table * PAGE + 8 * (address >> shift & 511))
        table = (scene.image.number(path[-1], 8) & ADDRESS) >> 12
    assert scene.image.number(path[-1], 8) & PRESENT
    return path


@breaks(1)
def device_that_is_not_registered(scene):
    yield known(scene)[-1], 8, 0


@breaks(1)
def leaf_of_a_device_becomes_one_of_memory(scene):
    leaf, _ = device(scene)
    yield scene.change(leaf, 8, flip=DEVICE)


@breaks(1)
def leaf_of_a_device_names_memory(scene):
    leaf, _ = device(scene)
    yield leaf, 8, scene.image.number(leaf, 8) & ~ADDRESS | scene.first_of('TABLE') << 12


@breaks(1)
def table_of_the_registry_in_a_space(scene):
    """Its entries name owners, which are spaces."""
    yield scene.empty_slot(scene.page[2]), 8, scene.image.number(known(scene)[2], 8)


@breaks(2)
def one_leaf_more_is_registered(scene):
    yield scene.change(known(scene)[-1], 8, add=scene.layout.constant('DEVICE_SHARE'))


@breaks(2)
def no_leaf_is_registered(scene):
    yield scene.change(known(scene)[-1], 8, add=-scene.layout.constant('DEVICE_SHARE'))


@breaks(2)
def leaf_of_a_device_is_lost(scene):
    yield device(scene)[0], 8, 0


@breaks(5)
def device_that_can_be_executed(scene):
    yield scene.change(device(scene)[0], 8, flip=NO_EXECUTE)


@breaks(6)
def leaves_of_devices_of_a_space(scene):
    yield scene.member(device(scene)[1], 'space', 'count_devices', add=1)


@breaks(6)
def reserved_bit_of_a_devices_leaf(scene):
    yield scene.change(device(scene)[0], 8, flip=1 << 52)


@breaks(6)
def pages_of_the_registry(scene):
    yield scene.member(registry(scene), 'space', 'count_mapped', add=-1)


@breaks(6)
def live_entries_of_a_table_of_the_registry(scene):
    yield scene.row(known(scene)[3] // PAGE, 'count', add=1)
