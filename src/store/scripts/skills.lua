-- Shared by scripts after which a worker has other skills. A skill is what a job can ask for: "node/<name>", a type of
-- task, or both.

-- Takes all its skills from a worker.
local function lose_skills(worker)
  for _, skill in ipairs(call('SMEMBERS', key('skills', worker))) do call('SREM', key('skilled', skill), worker) end
  call('UNLINK', key('skills', worker))
end
