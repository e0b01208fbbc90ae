# Two commands matter: `make run` and `make test`. Both make what they need.
.DEFAULT_GOAL := help
PY := .venv/bin/python
# A whole shop is ten processes: without cached bytecode each of them compiles all of the code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test quick lint types bench drill campaign upgrade-check prove-install lock locale screenshots clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 14

.venv/.run: requirements.txt deploy/venv.sh
	@sh deploy/venv.sh requirements.txt .venv/.run

.venv/.dev: requirements-dev.txt requirements.txt deploy/venv.sh
	@sh deploy/venv.sh requirements-dev.txt .venv/.dev .venv/.run

run: .venv/.run ## start the shop (a sandbox without TELEGRAM_BOT_TOKEN)
	@exec $(PY) manage.py up

test: .venv/.dev ## the whole suite: real PostgreSQL, real browser
	@sh deploy/chromium.sh && sh deploy/offsite.sh
	@$(PY) -m pytest

quick: .venv/.dev ## the suite without whole shops and browsers, while you work
	@$(PY) -m pytest -m "not acceptance and not browser"

lint: .venv/.dev ## ruff, mypy, bandit, djlint, missing migrations
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m bandit -q -c pyproject.toml -r host fakes apps autoorder manage.py
	@$(PY) -m djlint --profile=django --lint templates/sandbox templates/admin --quiet

bench: .venv/.dev ## figures of the hot paths, against the fakes
	@$(PY) -m bench

drill: .venv/.run ## rehearse the worst on a private copy: all drills, or NAME=chaos
	@sh deploy/nginx.sh
	@$(PY) manage.py drill $(or $(NAME),all)

campaign: .venv/.dev ## the full counts of kills, races and rubbish from outside (long)
	@sh deploy/chromium.sh && sh deploy/nginx.sh
	@CAMPAIGN=1 $(PY) -m pytest -n 0 tests/acceptance tests/concurrency tests/orders/test_walk.py tests/bot/test_rubbish.py \
		tests/backups

upgrade-check: .venv/.dev ## the older code's tests on this checkout's tables; BASE=v1.0
	@sh deploy/upgrade-check.sh $(BASE)

prove-install: .venv/.dev ## the installer in a container of its own (root, Debian's debootstrap and systemd-container; SUITE=trixie)
	@$(PY) -m tests.container.prove $(SUITE)

lock: ## pin requirements.in and requirements-dev.in with hashes (needs uv)
	uv pip compile requirements.in --python-version 3.11 --universal --generate-hashes --no-header --no-emit-index-url -q -o requirements.txt
	uv pip compile requirements-dev.in --python-version 3.11 --universal --generate-hashes --no-header --no-emit-index-url -q -o requirements-dev.txt

screenshots: .venv/.dev ## take the pictures of the README from a sandbox
	@sh deploy/chromium.sh
	@$(PY) -m tests.screenshots

locale: .venv/.dev ## compile locale/*/LC_MESSAGES/django.po
	@$(PY) -m tests.compile_locale

clean: ## forget the virtual environment and caches, never var/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
