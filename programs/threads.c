/* threads: several threads count the primes below a limit, each takes the next number that nobody has looked at. */
#include <stdio.h>

#include <quire/mutex.h>
#include <quire/thread.h>

constexpr unsigned THREADS = 4;
constexpr unsigned LIMIT = 10'000;

static struct mutex lock;
static unsigned next_number = 2; /* with the lock */

static unsigned take_number(void)
{
    mutex_lock(&lock);
    unsigned number = next_number++;
    mutex_unlock(&lock);
    return number;
}

static bool is_prime(unsigned number)
{
    for (unsigned divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0) return false;
    return true;
}

static uint64_t count_primes(void *argument)
{
    uint64_t count = 0;
    for (unsigned number = take_number(); number < LIMIT; number = take_number()) count += is_prime(number);
    printf("threads: thread %u of %u has ended\n", thread_self(), *(unsigned *)argument);
    return count;
}

int main(void)
{
    uint32_t thread[THREADS];
    uint64_t count = 0, part = 0;
    unsigned threads = THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        enum status status = thread_start(count_primes, &threads, 0, &thread[i]);
        if (status != STATUS_OK) {
            printf("threads: not started status=%s\n", status_name(status));
            return 1;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        enum status status = thread_join(thread[i], &part);
        if (status != STATUS_OK) return 1;
        count += part;
    }
    printf("threads: %lu primes below %u\n", count, LIMIT);
    return 0;
}
