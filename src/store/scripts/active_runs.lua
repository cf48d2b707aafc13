#!lua flags=no-writes
-- Tells which runs have not ended, and at which revision each is: one that is where it was needs no look. KEYS[1] is the
-- installation's root.
--
-- Gives {id, revision ('' where the run is gone), …}
-- Cost  O(runs), about a microsecond each

local told = {}
for _, id in ipairs(call('SMEMBERS', key('runs-active'))) do
  told[#told + 1] = id
  told[#told + 1] = call('HGET', key('run', id), 'rev') or ''
end
return told
