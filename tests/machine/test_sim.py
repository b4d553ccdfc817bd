"""./quire sim: a seed's run is repeated exactly, another seed's is another run, and what is spoilt is found where it was spoilt."""
import subprocess

from project import TOP


def sim(*arguments):
    return subprocess.run([str(TOP / 'quire'), 'sim', *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def digest(*arguments):
    result = sim('--steps', '20000', '--check-every', '1000', *arguments)
    assert result.returncode == 0, result
    line = result.stdout.splitlines()[-1]
    assert line.startswith('sim: done ') and ' checks=21 ' in line, line
    return line.partition('digest=')[2]


def test_a_seed_repeats_its_run():
    assert digest('--seed', '5') == digest('--seed', '5')
    assert digest('--seed', '5') != digest('--seed', '6')


def test_short_of_memory():
    result = sim('--seed', '9', '--steps', '30000', '--memory', '8', '--processes', '100', '--check-every', '500')
    assert result.returncode == 0, result


def test_damage_is_found_and_the_failing_step_repeats():
    results = [sim('--seed', '5', '--steps', '500', '--damage', '321', '--check-every', every) for every in ('10', '10', '1')]
    assert [result.returncode for result in results] == [1, 1, 1], results
    assert results[0].stdout == results[1].stdout
    assert 'seed=5 step=330 ' in results[0].stdout and 'seed=5 step=321 ' in results[2].stdout, results


def test_the_pager_is_lost_again_and_again():
    numbers = ['--seed', '3', '--steps', '3000', '--memory', '8', '--processes', '40', '--check-every', '50']
    results = [sim(*numbers, '--lose-every', '20') for _ in range(2)] + [sim(*numbers)]
    assert [result.returncode for result in results] == [0, 0, 0], results
    assert results[0].stdout == results[1].stdout
    lost = [int(result.stdout.partition(' lost=')[2].split()[0]) for result in results]
    assert lost[0] > 50 and lost[2] == 0, results


def test_nonsense_is_refused():
    for arguments in (['--seed', 'x'], ['--lose-every', '0'], ['--steps', '0'], ['--steps', '-1'], ['--processes', '100000'], ['--memory', '1']):
        result = sim(*arguments)
        assert result.returncode == 2 and 'takes a number from' in result.stderr, result
