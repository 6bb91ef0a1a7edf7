--- End a season: the members and scores of a window become its final ranking, and the window is empty.
--
-- Invariant: a season ends once, and nothing changes its ranking afterwards. The ranking is renamed, so that a large one costs no more, and
-- no update comes between the end of this season and the beginning of the next. A process may die before or after the call: with the
-- same id it does nothing more. Increments that the season counted cannot be undone in the window any more; a marker says so.
-- @batch 1
-- @full refused      it stores the season
-- @include leaderboard/board
-- @include leaderboard/end_increments
-- @include leaderboard/tell_change
-- @include now
-- @include typed
-- @shared keys keys     the window's keys, and those of the season, at the indexes in the plan
-- @shared plan          JSON, see lua/_lib/leaderboard/board.lua, with one window; also `season`: indexes of the index of seasons, the ranking, its different scores, the stored ids and their log
-- @item arg id          of the season
-- @item arg window      the window's name
-- @item arg current     1 for the current period, 0 for a previous one
-- @item arg kept        milliseconds that the ranking is stored; 0 without a limit
-- @returns integer|string Redis' time, when it is outside of the periods that the client sent; "+" when it ended now, or "=" when it had ended, then its end in microseconds, the number of members, and the window

local config = cjson.decode(plan)
local MOST_SEASONS = 10000

local function store(key, place, life)
  if redis.call('EXISTS', key) == 0 then
    return
  end
  redis.call('RENAME', key, place)
  if life > 0 then
    redis.call('PEXPIRE', place, life)
  else
    redis.call('PERSIST', place)
  end
end

local function item(id, window, current, kept)
  local at = config.season
  local seasons, ranking, distinct, ids, idlog = keys[at[1]], keys[at[2]], keys[at[3]], keys[at[4]], keys[at[5]]
  local wrong = typed(seasons, 'hash') or typed(ids, 'hash') or typed(idlog, 'stream')
  if wrong then
    return wrong
  end
  local known = redis.call('HGET', seasons, id)
  if known then
    return '=' .. known
  end
  local open = board.open(keys, config)
  if not open then
    return now
  end
  wrong = board.wrong(config, keys, open)
  if wrong then
    return wrong
  end
  if redis.call('HLEN', seasons) >= 2 * MOST_SEASONS then
    return redis.error_reply('ERR the board has ' .. MOST_SEASONS .. ' seasons; delete old ones')
  end
  tell_change(config)
  local source, plain = open[1], config.windows[1]
  local record = string.format('%.0f %d %s', now, redis.call('ZCARD', source.z), window)
  store(source.z, ranking, tonumber(kept))
  if source.d then
    store(source.d, distinct, tonumber(kept))
  end
  if current == '1' then
    end_increments(ids, idlog, source, plain, window)
  end
  redis.call('HSET', seasons, id, record)
  return '+' .. record
end
