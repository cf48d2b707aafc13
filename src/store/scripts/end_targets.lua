#!lua flags=allow-oom
-- Notes how targets of a run ended. An end that is known changes nothing, so that it may be told twice. KEYS[1] is the
-- installation's root.
-- @include run
--
-- ARGV  2 id · and for each target: index · letter of its end · stamp of its job ('' none) · why, JSON ('' its job says)
-- Gives how many were new
-- Cost  O(targets told)

local id = ARGV[2]
local run, codes_key = key('run', id), key('run-codes', id)
if call('EXISTS', run) == 0 then return 0 end

local changes, ended, entries = {}, 0, {}
for i = 3, #ARGV, 4 do
  local index, code, stamp, why = unpack(ARGV, i, i + 3)
  local before = call('GETRANGE', codes_key, index, index)
  if before ~= '' and not FINAL_CODE[before] then
    call('SETRANGE', codes_key, index, code)
    if stamp ~= '' then call('SETRANGE', key('run-stamps', id), ms(index * STAMP), stamp) end
    if why ~= '' then call('HSET', key('run-errors', id), index, why) end
    if before == 'j' then before = 's' end
    changes[before] = (changes[before] or 0) - 1
    changes[code] = (changes[code] or 0) + 1
    entries[#entries + 1] = 'e ' .. index .. ' ' .. code .. ' ' .. now_text
    ended = ended + 1
  end
end
if ended == 0 then return 0 end
add_counts(run, changes)
call('RPUSH', key('run-log', id), unpack(entries))
turn(id)
return ended
