-- Shared by the scripts of runs. KEYS[1] is the installation's root.
--
-- run:<id>          hash: st state · ct created · e ended · rev revision · total · body (JSON) · spec · why · by · rby
--                   (run that does it again) · batch · next (time) · forgiven · int (interrupt) · c:<letter> counts
-- run-codes:<id>    a letter for each target: see domain/run-state.ts
-- run-stamps:<id>   twelve characters for each target that started: what its job's id adds to the run's
-- run-targets:<id>  hash: targets, many to a field
-- run-errors:<id>   hash: why targets failed that have no job, by index
-- run-log:<id>      list of entries: "e <index> <letter> <time>" · "c <time>"
-- feed              stream of ids and revisions, as a zone's is of jobs
-- runs, runs-of:<schedule>, runs-active, runs-done:good, runs-done:bad   ids

local FINAL_RUN = { SUCCEEDED = true, PARTIAL = true, FAILED = true, CANCELLED = true, INDETERMINATE = true }
local STAMP = 12
-- News are hints: who misses one looks by itself a little later.
local RUN_NEWS_KEPT = 1000
local FINAL_CODE = { S = true, F = true, C = true, E = true, I = true, U = true, R = true }

-- Adds to counts that were gathered by letter, as one command.
local function add_counts(run, changes)
  for code, change in pairs(changes) do
    if change ~= 0 then call('HINCRBY', run, 'c:' .. code, change) end
  end
end

local function note(id, entry)
  call('RPUSH', key('run-log', id), entry)
end

-- The run has another revision: its followers are told.
local function turn(id)
  local revision = call('HINCRBY', key('run', id), 'rev', 1)
  call('XADD', key('feed'), 'MAXLEN', '~', RUN_NEWS_KEPT, '*', id, revision)
end
