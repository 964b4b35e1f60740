package airflowtest

import (
	"fmt"
	"net/http"
)

// addConnection answers as the real server does: with everything but what is secret.
func (s *Server) addConnection(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID       string `json:"connection_id"`
		Type     string `json:"conn_type"`
		Host     string `json:"host"`
		Port     int    `json:"port"`
		Login    string `json:"login"`
		Password string `json:"password"`
	}
	if strict(r, &body) != nil || body.ID == "" || body.Type == "" {
		fail(w, http.StatusUnprocessableEntity, []object{{"type": "missing", "loc": []string{"body", "connection_id"}, "msg": "Field required"}})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections[body.ID] {
		fail(w, http.StatusConflict, object{"reason": "Unique constraint violation"})
		return
	}
	s.connections[body.ID] = true
	reply(w, http.StatusCreated, object{
		"connection_id": body.ID, "conn_type": body.Type, "host": body.Host, "port": body.Port, "login": body.Login,
		"password": "***", "description": nil, "schema": nil, "extra": nil,
	})
}

func (s *Server) deleteConnection(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	if !s.connections[id] {
		fail(w, http.StatusNotFound, fmt.Sprintf("The Connection with connection_id: `%s` was not found", id))
		return
	}
	delete(s.connections, id)
	w.WriteHeader(http.StatusNoContent)
}
