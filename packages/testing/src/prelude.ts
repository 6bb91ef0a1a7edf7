/**
 * Goes in front of a script: its `redis.call` and `redis.pcall` see the time of the test's clock instead of the server's.
 *
 * The last of ARGV is the state that the gateway adds: `t`, the periods of the clock (from which microsecond of the server,
 * what the clock showed then, whether it runs), and `w`, the workers that are connected.
 *
 * - TIME gives the clock's time; an id of XADD with `*` is made of it.
 * - A time to live is stored as the clock's time at which it ends, `FAR` milliseconds later than Redis would ever expire it.
 *   What of KEYS has ended by the clock is removed before the script begins.
 * - XAUTOCLAIM compares its idle time with the clock. Leases of connected workers are renewed for the time that was skipped: a
 *   worker would have renewed them. The idle time in XINFO CONSUMERS counts skipped time for workers that are not connected.
 */
export const PRELUDE: string = `local redis = (function()
  local real, mine = redis, {}
  for name, value in pairs(real) do mine[name] = value end
  local call = real.call
  local state = cjson.decode(table.remove(ARGV))
  local periods, workers, FAR = state.t, {}, 100000000000000
  for _, name in ipairs(state.w) do workers[name] = true end
  local clock = call('TIME')
  local real_now = clock[1] * 1000000 + clock[2]
  local function shown(at)
    for nth = #periods, 1, -1 do
      local from, showed, runs = periods[nth][1], periods[nth][2], periods[nth][3]
      if at >= from or nth == 1 then return runs == 1 and showed + (at - from) or showed end
    end
  end
  local now = shown(real_now)
  local now_ms = math.floor(now / 1000)
  local function text(number) return string.format('%.0f', number) end
  local function whole(value)
    local number = tonumber(value)
    return number and number > 0 and number % 1 == 0 and number
  end
  local function real_idle(us)
    local since, ends = now - us, real_now
    for nth = #periods, 1, -1 do
      local from, showed, runs = periods[nth][1], periods[nth][2], periods[nth][3]
      if since >= showed or nth == 1 then
        return real_now - (runs == 1 and math.min(ends, from + (since - showed)) or ends)
      end
      ends = from
    end
  end
  for _, key in ipairs(KEYS) do
    local ends = call('PEXPIRETIME', key)
    if ends >= FAR and ends - FAR <= now_ms then call('UNLINK', key) end
  end
  local function renew(key, group, lease, idle)
    for name in pairs(workers) do
      local from = '-'
      while from do
        local found = real.pcall('XPENDING', key, group, 'IDLE', text(idle), from, '+', 100, name)
        if found.err then return end
        from = #found == 100 and '(' .. found[100][1]
        for _, each in ipairs(found) do
          if each[3] < lease then call('XCLAIM', key, group, name, 0, each[1], 'JUSTID') end
        end
      end
    end
  end
  local follow = {}
  function follow.TIME() return { text(math.floor(now / 1000000)), text(now % 1000000) } end
  function follow.SET(run, args)
    for at = 3, #args - 1 do
      local unit = ({ PX = 1, EX = 1000 })[string.upper(args[at])]
      local lasts = unit and whole(args[at + 1])
      if lasts then
        args[at], args[at + 1] = 'PXAT', text(now_ms + lasts * unit + FAR)
        break
      end
    end
    return run('SET', unpack(args))
  end
  function follow.PEXPIRE(run, args)
    local lasts = whole(args[2])
    if not lasts then return run('PEXPIRE', unpack(args)) end
    args[2] = text(now_ms + lasts + FAR)
    return run('PEXPIREAT', unpack(args))
  end
  function follow.EXPIRE(run, args)
    args[2] = whole(args[2]) and text(args[2] * 1000) or args[2]
    return follow.PEXPIRE(run, args)
  end
  function follow.PTTL(run, args)
    local ends = run('PEXPIRETIME', unpack(args))
    if type(ends) == 'number' and ends >= FAR then return math.max(0, ends - FAR - now_ms) end
    return run('PTTL', unpack(args))
  end
  function follow.XADD(run, args)
    local at = 2
    while args[at] do
      local option = string.upper(args[at])
      if option == 'NOMKSTREAM' then at = at + 1
      elseif option == 'MAXLEN' or option == 'MINID' then
        at = at + ((args[at + 1] == '~' or args[at + 1] == '=') and 3 or 2)
      elseif option == 'LIMIT' then at = at + 2
      else break end
    end
    if args[at] == '*' then
      args[at] = text(now_ms) .. '-*'
      local id = real.pcall('XADD', unpack(args))
      if type(id) ~= 'table' or not id.err then return id end
      args[at] = '*'
    end
    return run('XADD', unpack(args))
  end
  function follow.XAUTOCLAIM(run, args)
    local lease = tonumber(args[4])
    local idle = lease and math.ceil(real_idle(lease * 1000) / 1000)
    if lease and idle < lease then
      renew(args[1], args[2], lease, idle)
      args[4] = text(idle)
    end
    return run('XAUTOCLAIM', unpack(args))
  end
  function follow.XINFO(run, args)
    local reply = run('XINFO', unpack(args))
    if string.upper(args[1]) ~= 'CONSUMERS' or reply.err then return reply end
    for _, fields in ipairs(reply) do
      for at = 1, workers[fields[2]] and 0 or #fields, 2 do
        local ms = fields[at + 1]
        if (fields[at] == 'idle' or fields[at] == 'inactive') and ms >= 0 then
          fields[at + 1] = math.floor((now - shown(real_now - ms * 1000)) / 1000)
        end
      end
    end
    return reply
  end
  local function following(run)
    return function(command, ...)
      local does = follow[string.upper(command)]
      local reply
      if does then reply = does(run, { ... }) else reply = run(command, ...) end
      return reply
    end
  end
  mine.call, mine.pcall = following(call), following(real.pcall)
  return mine
end)()`
  .split('\n')
  .map((line) => line.trim())
  .join(' ')
